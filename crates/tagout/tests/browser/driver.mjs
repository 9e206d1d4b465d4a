// Drives Chromium for the tests: one JSON call a line on standard input, one JSON answer a line
// on standard output. What is called and what must come of it stands in the tests.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath: process.argv[3],
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const pages = [];

async function open({ base, headers, width, height, scheme, script, touch }) {
  const context = await browser.newContext({
    baseURL: base,
    extraHTTPHeaders: headers,
    viewport: { width, height },
    colorScheme: scheme,
    javaScriptEnabled: script,
    hasTouch: touch,
    reducedMotion: "reduce",
    deviceScaleFactor: touch ? 2 : 1,
  });
  context.setDefaultTimeout(20000);
  const page = await context.newPage();
  const seen = { outside: [], faults: [], bytes: 0, sizes: [] };
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) seen.outside.push(request.url());
  });
  page.on("pageerror", (error) => seen.faults.push(String(error)));
  page.on("console", (message) => {
    // A page that is told to be an error is one, and the browser says so.
    if (message.location().url === page.url() && message.text().startsWith("Failed to load")) return;
    if (["error", "warning"].includes(message.type())) seen.faults.push(message.text());
  });
  page.on("dialog", (dialog) => {
    seen.faults.push("a dialog: " + dialog.message());
    dialog.dismiss();
  });
  page.on("requestfinished", (request) => {
    seen.sizes.push(request.sizes().then((sizes) => {
      seen.bytes += sizes.responseBodySize + sizes.responseHeadersSize;
    }));
  });
  const session = await context.newCDPSession(page);
  pages.push({ page, context, seen, session });
  return pages.length - 1;
}

// Evaluates in a world of the test's own, which is there without JavaScript too.
async function evaluate({ session }, expression) {
  const { frameTree } = await session.send("Page.getFrameTree");
  const world = { frameId: frameTree.frame.id, worldName: "test" };
  const { executionContextId } = await session.send("Page.createIsolatedWorld", world);
  const how = { contextId: executionContextId, awaitPromise: true, returnByValue: true };
  const done = await session.send("Runtime.evaluate", { expression, ...how });
  if (done.exceptionDetails) throw new Error(JSON.stringify(done.exceptionDetails));
  return done.result.value;
}

const late = () => new Promise((_, refuse) => {
  setTimeout(() => refuse(new Error("it took longer than 40 s")), 40000).unref();
});

const calls = {
  goto: async ({ page, seen }, path) => {
    seen.bytes = 0;
    // What keys began before may still be under way, and more than once: whoever types an address
    // gets there in the end, and `late` ends it if not.
    for (;;) {
      try {
        return (await page.goto(path, { waitUntil: "load" })).status();
      } catch (error) {
        if (!String(error).includes("interrupted by another navigation")) throw error;
      }
    }
  },
  click: ({ page }, selector) => page.click(selector),
  tap: ({ page }, selector) => page.tap(selector),
  press: ({ page }, key) => page.keyboard.press(key),
  type: ({ page }, text) => page.keyboard.type(text),
  fill: ({ page }, selector, text) => page.fill(selector, text),
  check: ({ page }, selector) => page.check(selector),
  select: ({ page }, selector, value) => page.selectOption(selector, value),
  text: ({ page }, selector) => page.innerText(selector),
  count: ({ page }, selector) => page.locator(selector).count(),
  attribute: ({ page }, selector, name) => page.getAttribute(selector, name),
  value: ({ page }, selector) => page.inputValue(selector),
  visible: ({ page }, selector) => page.locator(selector).first().isVisible(),
  enabled: ({ page }, selector) => page.locator(selector).first().isEnabled(),
  wait: async ({ page }, selector, state) => {
    await page.waitForSelector(selector, { state: state ?? "visible" });
  },
  address: async ({ page }) => page.url(),
  title: ({ page }) => page.title(),
  html: ({ page }) => page.content(),
  back: async ({ page }) => { await page.goBack(); },
  reload: async ({ page }) => { await page.reload(); },
  evaluate,
  box: ({ page }, selector) => page.locator(selector).first().boundingBox(),
  focused: (one) => evaluate(one, `(() => {
    const one = document.activeElement;
    return one ? (one.id || one.getAttribute("name") || one.textContent.trim().slice(0, 80)) : null;
  })()`),
  accessibility: async (one) => {
    const found = await evaluate(one, `${axe};
      axe.run(document, { runOnly: [
        "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice",
      ] })`);
    return found.violations.map((one) => ({
      id: one.id, help: one.help,
      nodes: one.nodes.map((node) => node.html.slice(0, 300) + " | " + (node.failureSummary ?? "")),
    }));
  },
  shot: async ({ page }, path, whole) => { await page.screenshot({ path, fullPage: whole ?? true }); },
  media: ({ page }, media) => page.emulateMedia({ media }),
  pdf: async ({ page }, path) => {
    const pdf = await page.pdf({ path: path ?? undefined, format: "A4", preferCSSPageSize: true });
    return (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length;
  },
  download: async ({ page }, selector) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
  },
  seen: async ({ seen }) => {
    await Promise.allSettled(seen.sizes);
    return { outside: seen.outside, faults: seen.faults, bytes: seen.bytes };
  },
  close: async ({ context }) => { await context.close(); },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { on, call, args } = JSON.parse(line);
  let answer;
  try {
    const done = call === "open" ? await open(args[0]) : await Promise.race([calls[call](pages[on], ...args), late()]);
    answer = { ok: done ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
