// Responses by the `openai` package: whole, streamed, a tool's round trip, structured output.
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { CITY, headers, MODEL, PRXY_API_KEY, PRXY_URL, say } from "./prelude.mjs";

const client = new OpenAI({
  baseURL: `${PRXY_URL}/v1`,
  apiKey: PRXY_API_KEY,
  defaultHeaders: headers,
  maxRetries: 0,
});

const plain = await client.responses.create({ model: MODEL, input: "Hello" });
say("plain", { text: plain.output_text, usage: plain.usage });

const streamed = await client.responses.stream({ model: MODEL, input: "Count" }).finalResponse();
say("stream", { text: streamed.output_text, usage: streamed.usage });

const tools = [{ type: "function", name: "get_weather", description: "The weather of a city.", parameters: CITY, strict: true }];
const input = [{ role: "user", content: "Weather in Oslo?" }];
const asked = await client.responses.create({ model: MODEL, input, tools });
const call = asked.output.find((item) => item.type === "function_call");
const { city } = JSON.parse(call.arguments);
const result = { type: "function_call_output", call_id: call.call_id, output: `${city}: 4 degrees` };
const told = await client.responses.create({ model: MODEL, input: [...input, ...asked.output, result], tools });
say("tool", { text: told.output_text });

const parsed = await client.responses.parse({
  model: MODEL,
  input: "Who?",
  text: { format: zodTextFormat(z.object({ name: z.string(), age: z.number().int() }), "person") },
});
say("structured", { value: parsed.output_parsed });
