/* symbia:
id: examples.label
name: Label
version: 1.0.0
ports: {inputs: [in], outputs: [out]}
*/
return {
  process: (ctx, port, country) => ctx.emit("out", { code: country.alpha_3, label: `${country.flag} ${country.name}` }),
};
