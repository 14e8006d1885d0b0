// A local AWS for the length of a test, as `server.py` is with ministack: the same answers and orders. DynamoDB is
// dynalite's, SQS and S3 are fauxqs's. There is no Scheduler and no Lambda.

import { closeSync, openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({
    options: { log: { type: "string" }, modules: { type: "string" }, virtual: { type: "boolean", default: false } },
});
const modules = createRequire(`${values.modules}/`);
const say = (line) => writeSync(1, `${line}\n`);
const log = openSync(values.log, "w");
const note = (line) => writeSync(log, `${line}\n`);

// What services call time. Their timers are real.
let now_ms = Date.now();
if (values.virtual) {
    Date.now = () => now_ms;
}

const dynalite = modules("dynalite")({ createTableMs: 0 });
const { buildApp } = await import(`${values.modules}/node_modules/fauxqs/dist/app.js`);
const fauxqs = buildApp({ logger: false, defaultRegion: "eu-central-1" });
await fauxqs.ready();

// `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ..`
const serviceOf = (request) => (request.headers.authorization ?? "").split("/")[3];

const server = createServer((request, response) => {
    response.on("finish", () => {
        note(`${request.method} ${request.url} ${request.headers["x-amz-target"] ?? ""} ${response.statusCode}`);
    });
    switch (serviceOf(request)) {
        case "dynamodb":
            dynalite.emit("request", request, response);
            break;
        case "sqs":
        case "s3":
            fauxqs.routing(request, response);
            break;
        default:
            response.writeHead(501).end();
    }
});
server.keepAliveTimeout = 75_000;
server.listen(0, "127.0.0.1", () => say(`listening 127.0.0.1:${server.address().port}`));

const orders = createInterface({ input: process.stdin });
orders.on("line", (line) => {
    const [word, ms] = line.split(" ");
    if (word !== "now" || !values.virtual) {
        throw new Error(`not an order: ${line}`);
    }
    now_ms = Number(ms);
    say(line);
});
orders.on("close", () => {
    closeSync(log);
    process.exit(0);
});
