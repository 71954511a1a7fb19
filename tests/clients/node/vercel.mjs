// The AI SDK: whole, streamed, a tool's round trip, structured output, through the provider package that DOOR names.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { headers, MODEL, PRXY_API_KEY, PRXY_URL, say } from "./prelude.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false; // They would stand among the steps.
const settings = { baseURL: `${PRXY_URL}/v1`, apiKey: PRXY_API_KEY, headers };
const DOORS = {
  chat: () => createOpenAI(settings).chat(MODEL),
  responses: () => createOpenAI(settings).responses(MODEL),
  messages: () => createAnthropic(settings)(MODEL),
};
const shared = { model: DOORS[process.env.DOOR](), maxRetries: 0 };

const plain = await generateText({ ...shared, prompt: "Hello" });
say("plain", { text: plain.text, usage: plain.usage });

const stream = streamText({
  ...shared,
  prompt: "Count",
  onError: ({ error }) => {
    throw error;
  },
});
say("stream", { text: await stream.text, usage: await stream.usage });

const told = await generateText({
  ...shared,
  prompt: "Weather in Oslo?",
  stopWhen: stepCountIs(3),
  tools: {
    get_weather: tool({
      description: "The weather of a city.",
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `${city}: 4 degrees`,
    }),
  },
});
say("tool", { text: told.text });

const parsed = await generateText({
  ...shared,
  prompt: "Who?",
  output: Output.object({ schema: z.object({ name: z.string(), age: z.number().int() }) }),
});
say("structured", { value: parsed.output });
