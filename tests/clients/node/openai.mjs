// Chat Completions by the `openai` package: whole, streamed, a tool's round trip, structured output.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { CITY, headers, MODEL, PRXY_API_KEY, PRXY_URL, say } from "./prelude.mjs";

const client = new OpenAI({
  baseURL: `${PRXY_URL}/v1`,
  apiKey: PRXY_API_KEY,
  defaultHeaders: headers,
  maxRetries: 0,
});
const ask = (content) => ({ model: MODEL, messages: [{ role: "user", content }] });

const plain = await client.chat.completions.create(ask("Hello"));
say("plain", { text: plain.choices[0].message.content, usage: plain.usage });

const stream = client.chat.completions.stream({ ...ask("Count"), stream_options: { include_usage: true } });
const streamed = await stream.finalChatCompletion();
say("stream", { text: streamed.choices[0].message.content, usage: streamed.usage });

const runner = client.chat.completions.runTools({
  ...ask("Weather in Oslo?"),
  tools: [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "The weather of a city.",
        parameters: CITY,
        parse: JSON.parse,
        function: ({ city }) => `${city}: 4 degrees`,
      },
    },
  ],
});
say("tool", { text: await runner.finalContent() });

const parsed = await client.chat.completions.parse({
  ...ask("Who?"),
  response_format: zodResponseFormat(z.object({ name: z.string(), age: z.number().int() }), "person"),
});
say("structured", { value: parsed.choices[0].message.parsed });
