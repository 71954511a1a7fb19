// Messages by the `@anthropic-ai/sdk` package: whole, streamed, a tool's round trip, structured output.
import Anthropic from "@anthropic-ai/sdk";
import { CITY, headers, MODEL, PERSON, PRXY_API_KEY, PRXY_URL, say } from "./prelude.mjs";

const client = new Anthropic({ baseURL: PRXY_URL, apiKey: PRXY_API_KEY, defaultHeaders: headers, maxRetries: 0 });
const ask = (content) => ({ model: MODEL, max_tokens: 100, messages: [{ role: "user", content }] });
const text = (message) => message.content.map((block) => block.text ?? "").join("");

const plain = await client.messages.create(ask("Hello"));
say("plain", { text: text(plain), usage: plain.usage });

const streamed = await client.messages.stream(ask("Count")).finalMessage();
say("stream", { text: text(streamed), usage: streamed.usage });

const runner = client.beta.messages.toolRunner({
  ...ask("Weather in Oslo?"),
  tools: [
    {
      type: "custom",
      name: "get_weather",
      description: "The weather of a city.",
      input_schema: CITY,
      parse: (input) => input,
      run: ({ city }) => `${city}: 4 degrees`,
    },
  ],
});
say("tool", { text: text(await runner.runUntilDone()) });

const parsed = await client.messages.parse({
  ...ask("Who?"),
  output_config: { format: { type: "json_schema", schema: PERSON, parse: JSON.parse } },
});
say("structured", { value: parsed.parsed_output });
