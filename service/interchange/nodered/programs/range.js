// Maps a number from one range to another.
const handler = nodeRed((red) => {
  let [low, high, lowOut, highOut] = [red.minin, red.maxin, red.minout, red.maxout].map(Number);
  if (low > high) [low, high, lowOut, highOut] = [high, low, highOut, lowOut];
  if (red.round) [lowOut, highOut] = [Math.ceil(lowOut), Math.floor(highOut)];
  return {
    receive(msg) {
      const value = getProperty(msg, red.property);
      let number = Number(value);
      if (value === undefined) { sendAll(msg); return; }
      if (Number.isNaN(number)) { node.log(`Not a number: ${value}`); return; }
      if (red.action === 'drop' && (number < low || number > high)) return;
      if (red.action === 'clamp') number = Math.min(Math.max(number, low), high);
      const width = high - low;
      if (red.action === 'roll') number = ((number - low) % width + width) % width + low;
      number = (number - low) / width * (highOut - lowOut) + lowOut;
      setProperty(msg, red.property, red.round ? Math.round(number) : number);
      sendAll(msg);
    },
  };
});
