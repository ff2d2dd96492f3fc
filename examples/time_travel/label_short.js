/* symbia:
id: examples.label
name: Label
version: 1.1.0
description: Meant to leave out the official part of long names, such as "Bolivia, Plurinational State of".
ports: {inputs: [in], outputs: [out]}
*/
return {
  process: (ctx, port, country) => {
    const [name] = country.name.split(",");
    ctx.emit("out", { code: country.alpha_3, label: `${country.flag} ${name}` });
  },
};
