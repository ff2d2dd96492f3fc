/** What can be done where one is, by name: for the palette of commands. Views say what they add. */
export interface Command {
  name: string;
  key?: string;
  run: () => void;
}

export const commands = $state<{ ofView: () => Command[]; isOpen: boolean }>({ ofView: () => [], isOpen: false });

/** Commands of a view, as long as it is there. Call it while the view is made. */
export function offer(list: () => Command[]): void {
  $effect(() => {
    commands.ofView = list;
    return () => {
      if (commands.ofView === list) commands.ofView = () => [];
    };
  });
}
