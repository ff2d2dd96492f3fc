// The place of a node that is to be written by hand.
const handler = nodeRed((red) => ({
  receive() { throw new Error(`${red.type} is to be written by hand: docs/import.md says how`); },
}));
