/** The examples of the project, fetched when somebody wants one: text, its type, and a component that it needs. */
export interface Example {
  name: string;
  descriptionWord: 'exampleEtl' | 'exampleQuick' | 'exampleSquares';
  load: () => Promise<{ text: string; type: string; component?: string }>;
}

const raw = async (module: Promise<{ default: string }>): Promise<string> => (await module).default;

export const GALLERY: Example[] = [
  {
    name: 'ETL',
    descriptionWord: 'exampleEtl',
    load: async () => ({ text: await raw(import('../../../../../examples/etl.yaml?raw')), type: 'application/yaml' }),
  },
  {
    name: 'Quick reference',
    descriptionWord: 'exampleQuick',
    load: async () => ({ text: await raw(import('../../../../../examples/quick_reference.json?raw')), type: 'application/json' }),
  },
  {
    name: 'Squares',
    descriptionWord: 'exampleSquares',
    load: async () => ({
      text: await raw(import('../../../../../examples/squares.json?raw')),
      component: await raw(import('../../../../../examples/square.json?raw')),
      type: 'application/json',
    }),
  },
];
