// A component in JavaScript, as a WebAssembly component: emits the square of each number.
// The contract is wit/symbia-component.wit; records are objects, lists are arrays, an absent option is undefined.

const nothing = () => ({ emissions: [], state: [], logs: [], error: undefined });

function square({ value }) {
  const number = JSON.parse(value);
  if (typeof number !== 'number') {
    return { ...nothing(), error: { name: 'TypeError', message: `not a number: ${value}`, stack: '' } };
  }
  return { ...nothing(), emissions: [{ port: 'out', value: JSON.stringify(number * number) }] };
}

export const handler = {
  open: () => nothing(),
  process: (messages) => messages.map(square),
  close: () => nothing(),
};
