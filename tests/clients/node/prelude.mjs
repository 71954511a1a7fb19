// What every script shares: where the gateway is, and how a step is told to the test.
export const { PRXY_URL, PRXY_API_KEY, PROVIDER_KEY, MODEL } = process.env;

export const headers = { "x-provider-key": PROVIDER_KEY };

export const say = (step, what) => console.log(JSON.stringify({ step, ...what }));

export const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

export const PERSON = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};
