/**
 * An agent: asks before it acts, waits for people where they must agree, hands the grant to the executor, reports.
 *
 *     node dist/agent.js --action files.write --resource files:site --parameters '{"path":"a.txt","text":"hello"}' \
 *         --executor https://exec.example/files --reason "the user asked for it" -- node dist/executor.js executor.json
 *
 * What follows `--` is the executor's command; the grant's file is appended to it. Exit codes are those of the
 * `countersign` command: 120 denied or refused, 121 expired, 122 undetermined; 1 if the executor failed.
 */

import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, credentials, Metadata, type ServiceDefinition, type ServiceError, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const PROTO = resolve(import.meta.dirname, "../../../proto");
/** Seconds for which a service that can't be reached is tried again. */
const PATIENCE = 60;
/** Seconds after which a stream is opened anew, so that a dead connection is noticed. */
const STREAM = 60;
const OPTIONS = { "grpc.max_reconnect_backoff_ms": 5000 };
const PASSING: readonly number[] = [
  status.UNAVAILABLE,
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
];

interface Grant {
  readonly token: string;
  readonly certificates: string[];
  readonly evidence: Buffer[];
  readonly op_bytes: Buffer;
  readonly conditions: string[];
  readonly expires_at: string;
}

interface AuthorizeRequest {
  readonly request_id: string;
  readonly operation: { action: string; resource: string; parameters: Buffer };
  readonly executor: string;
  readonly context: { reason: string };
}

interface AuthorizeResponse {
  readonly decision_id: string;
  readonly verdict: "VERDICT_ALLOW" | "VERDICT_DENY" | "VERDICT_ESCALATE";
  readonly reasons: string[];
  readonly grant: Grant | null;
  readonly pending: { escalation_id: string; requirement: string } | null;
}

interface AwaitResponse {
  readonly status: string;
  readonly reasons: string[];
  readonly grant: Grant | null;
  readonly offer: Offer | null;
}

/** What a reviewer proposes instead. */
interface Offer {
  readonly reviewer: string;
  readonly reason: string;
  readonly difference: { side: string; text: string }[];
}

type Outcome = "OUTCOME_SUCCEEDED" | "OUTCOME_FAILED" | "OUTCOME_UNKNOWN" | "OUTCOME_REFUSED";

/** A connection to the sidecar, which knows who we are by the connection: its socket, or the bearer token. */
class Agent {
  private readonly sidecar: Client;
  private readonly methods: ServiceDefinition;
  private readonly metadata = new Metadata();

  constructor(target: string, token: string) {
    const options = { keepCase: true, longs: String, enums: String, defaults: true, includeDirs: [PROTO] };
    const proto = loadSync("countersign/v1/authority.proto", options);
    this.methods = proto["countersign.v1.Authority"] as ServiceDefinition;
    // `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`, as for the command line.
    const secure = target.startsWith("https://");
    const address = target.replace(/^https?:\/\//, "");
    this.sidecar = new Client(address, secure ? credentials.createSsl() : credentials.createInsecure(), OPTIONS);
    if (token !== "") this.metadata.set("authorization", `Bearer ${token}`);
  }

  close(): void {
    this.sidecar.close();
  }

  /** Asks for one operation. The request id makes it safe to ask again when the answer was lost. */
  async authorize(request: AuthorizeRequest): Promise<AuthorizeResponse> {
    for (const giveUp = Date.now() + PATIENCE * 1000; ; await sleep(1000)) {
      try {
        return await this.call<AuthorizeResponse>("Authorize", request);
      } catch (error) {
        if ((error as ServiceError).code !== status.UNAVAILABLE || Date.now() > giveUp) throw error;
      }
    }
  }

  /**
   * Follows an escalation to its end, or until a reviewer proposes another operation instead; through restarts of
   * either side: each stream begins with its state.
   */
  async wait(escalation: string): Promise<AwaitResponse> {
    for (let lastHeard = Date.now(); ; await sleep(1000)) {
      try {
        for await (const progress of this.stream<AwaitResponse>("Await", { escalation_id: escalation })) {
          const waits = progress.status === "STATUS_PENDING" || progress.status === "STATUS_APPROVED";
          if (!waits || progress.offer !== null) return progress;
          console.error("waiting:", progress.reasons.join("; "));
          lastHeard = Date.now();
        }
      } catch (error) {
        const tooLong = Date.now() > lastHeard + (STREAM + PATIENCE) * 1000;
        if (!PASSING.includes((error as ServiceError).code) || tooLong) throw error;
      }
    }
  }

  /** Takes the operation that a reviewer proposes instead; asking again gives the same answer. */
  accept(escalation: string): Promise<AuthorizeResponse> {
    return this.call<AuthorizeResponse>("Accept", { escalation_id: escalation });
  }

  /** Withdraws an escalation. */
  async cancel(escalation: string, reason: string): Promise<void> {
    await this.call("Cancel", { escalation_id: escalation, reason });
  }

  /** Tells what became of the operation. */
  async report(decision: string, outcome: Outcome, code = "", detail = ""): Promise<void> {
    await this.call("Report", { decision_id: decision, outcome, code, detail });
  }

  private call<T>(name: string, request: object): Promise<T> {
    const { path, requestSerialize, responseDeserialize } = this.methods[name]!;
    const options = { deadline: Date.now() + 30_000 };
    return new Promise((done, failed) => {
      this.sidecar.makeUnaryRequest<object, T>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.metadata,
        options,
        (error, answer) => (answer === undefined ? failed(error) : done(answer)),
      );
    });
  }

  private stream<T>(name: string, request: object): AsyncIterable<T> {
    const { path, requestSerialize, responseDeserialize } = this.methods[name]!;
    const options = { deadline: Date.now() + STREAM * 1000 };
    const { metadata, sidecar } = this;
    return sidecar.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, options);
  }
}

/** Runs the executor and returns its outcome and what it says about it. */
function execute(command: readonly string[], grant: Grant): [Outcome, Record<string, unknown>] {
  const folder = mkdtempSync(join(tmpdir(), "grant-")); // mode 0700: whoever has the grant could use it first
  const file = join(folder, "grant.json");
  const document = {
    token: grant.token,
    certificates: grant.certificates,
    evidence: grant.evidence.map((vote) => vote.toString()),
    operation: grant.op_bytes.toString(),
    conditions: grant.conditions.map((condition) => JSON.parse(condition) as unknown),
    expires_at: Number(grant.expires_at),
  };
  try {
    writeFileSync(file, JSON.stringify(document));
    const [program = "", ...args] = command;
    const done = spawnSync(program, [...args, file], { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
    const answer = parse(done.stdout);
    if (answer === undefined) {
      return ["OUTCOME_UNKNOWN", { error: `the executor ended with ${done.status} and no answer` }];
    }
    if ("refused" in answer) return ["OUTCOME_REFUSED", answer];
    return [done.status === 0 ? "OUTCOME_SUCCEEDED" : "OUTCOME_FAILED", answer];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** What a reviewer proposes instead, beside what was asked for. */
function changes(offer: Offer): string {
  const marks: Record<string, string> = { SIDE_REMOVED: "-", SIDE_ADDED: "+" };
  const lines = offer.difference.map(({ side, text }) => `  ${marks[side] ?? " "} ${text}`);
  return [`${offer.reviewer} proposes another operation: ${offer.reason}`, ...lines].join("\n");
}

/** One operation from the question to the report; prints one JSON document. */
async function run(
  agent: Agent,
  request: AuthorizeRequest,
  command: readonly string[],
  acceptChanges: boolean,
): Promise<number> {
  let answer = await agent.authorize(request);
  let end: AwaitResponse | undefined;
  while (answer.verdict === "VERDICT_ESCALATE" && answer.pending !== null) {
    const { escalation_id: escalation, requirement } = answer.pending;
    console.error(`escalated: ${escalation} needs ${requirement}`);
    end = await agent.wait(escalation);
    if (end.offer === null) break;
    console.error(changes(end.offer));
    if (!acceptChanges) {
      // What was asked for is not approved any more, and nothing else is done in its place.
      await agent.cancel(escalation, "this agent takes no changed operation");
      const reasons = [`${end.offer.reviewer} proposes another operation: ${end.offer.reason}`];
      return say(120, { decision: answer.decision_id, ended: "cancelled", reasons });
    }
    [answer, end] = [await agent.accept(escalation), undefined];
  }
  const decision = answer.decision_id;
  let { grant, reasons } = answer;
  let ended = "allowed";
  if (answer.verdict === "VERDICT_DENY") return say(120, { decision, ended: "denied", reasons });
  if (end !== undefined) {
    ({ grant, reasons } = end);
    ended = end.status.replace("STATUS_", "").toLowerCase();
    if (ended !== "claimed") {
      return say(["expired", "lapsed"].includes(ended) ? 121 : 120, { decision, ended, reasons });
    }
  }
  if (grant === null) return say(122, { decision, ended: "undetermined", reasons: ["an allow without a token"] });
  const [outcome, told] = execute(command, grant);
  const word = (value: unknown) => (typeof value === "string" ? value.slice(0, 500) : "");
  await agent.report(decision, outcome, word(told["refused"]), word(told["detail"]));
  const refused = told["verdict"] === "undetermined" ? 122 : 120;
  const exitCode = { OUTCOME_SUCCEEDED: 0, OUTCOME_REFUSED: refused, OUTCOME_FAILED: 1, OUTCOME_UNKNOWN: 1 }[outcome];
  return say(exitCode, { decision, ended, reasons, executor: told });
}

function say(exitCode: number, document: object): number {
  console.log(JSON.stringify(document));
  return exitCode;
}

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  const { values, positionals: command } = parseArgs({
    allowPositionals: true,
    options: {
      target: { ...text, default: process.env["COUNTERSIGN_TARGET"] ?? "unix:/run/countersign/agent.sock" },
      "token-file": { ...text, default: process.env["COUNTERSIGN_TOKEN_FILE"] ?? "" },
      action: text,
      resource: text,
      parameters: text,
      executor: text,
      reason: { ...text, default: "" },
      "accept-changes": { type: "boolean", default: false },
    },
  });
  const { action, resource, parameters, executor } = values;
  if (!action || !resource || !parameters || !executor || command.length === 0) {
    console.error(
      "usage: agent --action NAME --resource NAME --parameters JSON --executor ID [--reason TEXT]\n" +
        "             [--accept-changes] [--target unix:PATH|http://HOST:PORT|https://HOST:PORT] [--token-file FILE] -- COMMAND…",
    );
    return 2;
  }
  const tokenFile = values["token-file"];
  const agent = new Agent(values.target, tokenFile === "" ? "" : readFileSync(tokenFile, "utf8").trim());
  const request: AuthorizeRequest = {
    request_id: randomUUID(),
    operation: { action, resource, parameters: Buffer.from(parameters) },
    executor,
    context: { reason: values.reason },
  };
  try {
    return await run(agent, request, command, values["accept-changes"]);
  } catch (error) {
    const { code, details } = error as ServiceError;
    if (code === undefined) throw error;
    return say(122, { ended: "undetermined", reasons: [`${status[code]}: ${details}`] });
  } finally {
    agent.close();
  }
}

process.exitCode = await main();
