//! Every limit of the product, in one table. Each is tested at the limit and one past it.

use crate::time::Span;

/// The largest body of a delivery or an input file, in bytes: Alertmanager puts a whole group into
/// one body, and 100,000 alerts of seven labels are some 40 MiB.
pub const BODY_BYTES: usize = 64 << 20;
/// The most alerts taken from one delivery or input.
pub const ALERTS_PER_BODY: usize = 200_000;
/// The most alerts of one delivery that are recorded together: one append has a limit, and others
/// wait for their turn.
pub const ALERTS_PER_TURN: usize = 4_000;
/// The deepest nesting of JSON that is read.
pub const JSON_DEPTH: usize = 64;

/// The largest declaration of a mapping, in bytes.
pub const MAPPING_BYTES: usize = 64 << 10;
/// The most places that a mapping reads for one alert.
pub const MAPPING_PLACES: usize = 256;

/// The longest id, name or label name, in bytes.
pub const NAME_BYTES: usize = 256;
/// The longest label or annotation value and alert title, in bytes.
pub const VALUE_BYTES: usize = 4_096;
/// The longest alert message, in bytes.
pub const MESSAGE_BYTES: usize = 16 << 10;
/// All labels and metrics of one alert together, in bytes: they stand in several entries of
/// the log, each of which has a limit of its own.
pub const LABELS_BYTES: usize = 64 << 10;
/// All annotations of one alert together, in bytes.
pub const ANNOTATIONS_BYTES: usize = 256 << 10;
/// The most labels, annotations or metrics (each) on one alert.
pub const LABELS: usize = 128;

/// How long an alert that is over, or of which nothing more is heard, is remembered.
pub const REMEMBERED: Span = Span::from_secs(24 * 3600);
/// How long after the last word of its end a firing that began before that end is taken for one
/// that was overtaken on its way. After that it counts: its sender holds on to it.
pub const LATE: Span = Span::from_secs(300);
/// The most alerts remembered at once. Further ones go into the incident of a storm and are
/// not told apart any more.
pub const SIGHTINGS: usize = 500_000;
/// The most alerts that one event says were folded: an entry of the log has a limit.
pub const FOLDED_PER_EVENT: usize = 1_500;
/// The most openings of incidents that are remembered, to tell a storm.
pub const OPENINGS: usize = 2_000;
/// The most beginnings of one alert that are remembered.
pub const REMEMBERED_STARTS: u32 = 16;
/// The most quarantined deliveries of one source: further ones are not taken until some are dealt
/// with.
pub const QUARANTINED: usize = 100;
/// The most of an unreadable delivery's body that is kept, in bytes.
pub const QUARANTINED_BYTES: usize = 256 << 10;

/// The largest runbook page, in bytes.
pub const PAGE_BYTES: usize = 256 << 10;
/// The most runbooks in a directory.
pub const RUNBOOKS: usize = 10_000;
/// The most files and directories looked at to find them.
pub const DIRECTORY_ENTRIES: usize = 100_000;
/// The deepest nesting of YAML in a page's front matter.
pub const YAML_DEPTH: usize = 16;
/// The most aliases (`*name`) in a page's front matter.
pub const YAML_ALIASES: usize = 64;
/// The most values in a page's front matter, with aliases followed.
pub const YAML_VALUES: usize = 50_000;
/// The most entries of one request's query, and of one Alertmanager filter.
pub const QUERY_ENTRIES: usize = 32;
/// The longest path of a request with its query, and the longest query of PromQL, in bytes.
pub const TARGET_BYTES: usize = 4_096;
/// The largest body of a request, in bytes.
pub const REQUEST_BODY_BYTES: usize = 16 << 10;
/// The most statuses, or states of a job, that count as one outcome.
pub const EXPECTED_ANSWERS: usize = 16;
/// The shortest and the longest time between two looks of a step that waits, or at a job.
pub const LOOK_INTERVAL: (Span, Span) = (Span::from_secs(1), Span::from_secs(3600));
/// The longest that one look may take: one of several of a step, or one before a decision.
pub const LOOK_TIMEOUT: Span = Span::from_secs(30);
/// The most endpoints that the configuration lets be asked.
pub const ENDPOINTS: usize = 256;
/// The longest name of an endpoint, in bytes.
pub const ENDPOINT_NAME_BYTES: usize = 64;
/// The most headers with secrets of one endpoint.
pub const ENDPOINT_HEADERS: usize = 8;
/// The largest answer of an endpoint that is read, in bytes.
pub const ANSWER_BYTES: usize = 1 << 20;
/// The most steps taken from the text of a page that declares none.
pub const MANUAL_STEPS: usize = 24;
/// The longest title of such a step, in characters.
pub const MANUAL_STEP_CHARS: usize = 300;
/// The most symptoms, exact keys or exclusions (each) on one runbook.
pub const RUNBOOK_ENTRIES: usize = 64;
/// The most steps (checks before and after included) in a runbook.
pub const STEPS: usize = 64;
/// The most parameters of a runbook.
pub const PARAMETERS: usize = 32;
/// The most listed values of a parameter of which one side is safer: each plan holds their order.
pub const ORDERED_VALUES: usize = 64;
/// The most arguments of a command, the program included.
pub const ARGUMENTS: usize = 64;
/// The longest bound argument, in bytes.
pub const ARGUMENT_BYTES: usize = 4_096;
/// The longest bound parameter value, in bytes.
pub const PARAMETER_BYTES: usize = 256;
/// The longest pattern of a parameter or of a window's condition, in bytes.
pub const PATTERN_BYTES: usize = 512;
/// The most memory that one pattern of a window's condition may take, in bytes.
pub const PATTERN_MEMORY_BYTES: usize = 64 << 10;
/// The most windows that one person, or one poll, has open at once.
pub const WINDOWS_OF_ONE: usize = SILENCES;
/// The most windows that are open at once: what all polls may take over, and as many again as one
/// has.
pub const WINDOWS: usize = POLLS * SILENCES + WINDOWS_OF_ONE;
/// The most conditions of one window.
pub const CONDITIONS: usize = 64;
/// The most attempts of one step.
pub const ATTEMPTS: u32 = 5;
/// The longest time-out of one step.
pub const STEP_TIMEOUT: Span = Span::from_secs(24 * 3600);

/// The most commands that may be looked at.
pub const LOOK_PATTERNS: usize = 256;
/// The most looks of one incident that a configuration may allow.
pub const LOOKS_PER_INCIDENT: u32 = 16;
/// The most looks at one target within the window that a configuration may allow.
pub const LOOKS_PER_TARGET: u32 = 64;
/// The longest window in which they are counted.
pub const LOOK_WINDOW: Span = Span::from_secs(24 * 3600);
/// The most targets of which it is remembered how often they were looked at.
pub const LOOKED_TARGETS: usize = 4_096;
/// How long after an inspection was opened no look of it begins any more.
pub const INSPECTION_TIME: Span = Span::from_secs(60);
/// How long after its time-out a look that nobody tells the end of is given up.
pub const LOOK_PATIENCE: Span = Span::from_secs(30);
/// The most of a look's output that is kept, in bytes, of the beginning and of the end together.
pub const LOOK_OUTPUT_BYTES: usize = 4_096;
/// The most looks that run at once.
pub const LOOKS: usize = 4;

/// The most entries in one file of an archive.
pub const ARCHIVE_ENTRIES: usize = 10_000;

/// The most entries in one receipt.
pub const RECEIPT_ENTRIES: usize = 10_000;

/// The largest answer of a source that is polled, in bytes: ten thousand alerts with their
/// texts.
pub const POLLED_BYTES: usize = 32 << 20;
/// The most alerts of a poll that are handed over at once.
pub const POLLED_PER_DELIVERY: usize = 1_000;
/// The most active silences taken over from one Alertmanager.
pub const SILENCES: usize = 1_000;
/// The most polled sources.
pub const POLLS: usize = 64;
/// The shortest time between two polls of one source.
pub const POLL_INTERVAL: Span = Span::from_secs(5);
/// The longest time between two polls of one source.
pub const POLL_INTERVAL_MAX: Span = Span::from_secs(3600);
/// The longest secret of a polled source, in bytes.
pub const POLL_SECRET_BYTES: usize = 8 << 10;

/// The largest policy file, in bytes.
pub const POLICY_BYTES: usize = 256 << 10;
/// The most candidates kept from one search.
pub const CANDIDATES: usize = 10;
/// The longest reason that a reviewer may give, in bytes.
pub const REASON_BYTES: usize = 4_096;
/// The most refused asks of one person that are recorded one by one within
/// [`REFUSED_ASKS_WINDOW`]; further ones are counted.
pub const REFUSED_ASKS: u32 = 10;
/// The time within which they are counted.
pub const REFUSED_ASKS_WINDOW: Span = Span::from_secs(60);
/// The most lines in one summary of refused asks.
pub const REFUSED_ASKS_PER_EVENT: usize = 1_000;
/// The most requests of which it is remembered before whom they were put.
pub const SHOWN_REQUESTS: usize = 10_000;
/// The most plans that one answer is given to.
pub const BATCH: usize = 50;
/// The longest time for which nobody is reminded of an incident.
pub const SNOOZE: Span = Span::from_secs(24 * 3600);
/// How long the review of a rehearsal that nobody had to approve is owed: it has changed nothing.
pub const REHEARSAL_OWED: Span = Span::from_secs(7 * 24 * 3600);
/// The most such reviews that are owed at once.
pub const REHEARSALS_OWED: usize = 4_096;
/// The most people in one quorum, those of its groups together.
pub const QUORUM: u32 = 16;
/// The most rules of who may approve what.
pub const APPROVE_RULES: usize = 256;
/// The most routes to people.
pub const ROUTES: usize = 256;
/// The most rungs of the chain of escalation.
pub const RUNGS: usize = 16;
/// The most groups or rotas that one route or rung asks.
pub const AUDIENCES: usize = 16;
/// The highest limit on how often the glass may be broken within its window.
pub const GLASS_PER_WINDOW: u32 = 64;
/// The most bypasses that are open at once.
pub const BYPASSES: usize = 64;
/// The longest time for which a policy may let a bypass be open.
pub const BYPASS: Span = Span::from_secs(7 * 24 * 3600);
/// The most uses of a runbook on a target that are remembered, to tell the first.
pub const REMEMBERED_USES: usize = 4_096;
/// The most targets of which it is remembered when they were last touched.
pub const REMEMBERED_TOUCHES: usize = 4_096;
/// How long a live plan may rest between two of its steps before what was to hold before the first
/// is looked at again.
pub const PAUSE: Span = Span::from_secs(60);
/// Ends of plans that are remembered, each a runbook on a target.
pub const REMEMBERED_ENDS: usize = 4_096;
/// Targets that were acted on and are remembered, each with a tier and a runbook.
pub const REMEMBERED_REACHES: usize = 4_096;
/// The largest number of targets that a policy can name as a limit.
pub const TARGETS: u32 = 1_000;
/// Radii of runbooks in one policy.
pub const RADII: usize = 64;

/// The longest name of a configured source, in bytes.
pub const SOURCE_NAME_BYTES: usize = 64;
/// The most secrets of one source that are valid at once: the old and the new one.
pub const SOURCE_SECRETS: usize = 2;
/// The longest secret, in bytes.
pub const SECRET_BYTES: usize = 4_096;
/// The most topics that one source may receive from.
pub const SOURCE_TOPICS: usize = 64;
/// The most signatures in one header that are looked at.
pub const SIGNATURES: usize = 8;
/// How far the time in a signature may be from ours, unless the source says otherwise.
pub const SIGNATURE_TOLERANCE: Span = Span::from_secs(5 * 60);
/// The same for SNS, which repeats a message for an hour with the time of its first attempt.
pub const SNS_TOLERANCE: Span = Span::from_secs(65 * 60);
/// The longest tolerance that a source may set.
pub const LONGEST_TOLERANCE: Span = Span::from_secs(24 * 3600);
/// The largest answer that is taken from a provider's server (a certificate, say), in bytes.
pub const FETCHED_BYTES: usize = 64 << 10;
/// The longest such a fetch may take.
pub const FETCH_TIMEOUT: Span = Span::from_secs(5);
/// The most fetches of one source at once.
pub const FETCHES: usize = 4;
/// The most signing certificates that one source keeps.
pub const CERTIFICATES: usize = 16;
/// The largest configuration file, in bytes.
pub const CONFIG_BYTES: usize = 256 << 10;
/// The most tokens that open the read API.
pub const API_TOKENS: usize = 32;
/// The shortest token that opens the read API, in bytes.
pub const API_TOKEN_BYTES: usize = 16;
/// The most people who are known.
pub const PEOPLE: usize = 10_000;
/// The most groups that one person speaks for.
pub const GROUPS_PER_PERSON: usize = 64;
/// The most tokens that speak for one person.
pub const TOKENS_PER_PERSON: usize = 32;
/// The longest time that a token holds.
pub const TOKEN_LIFETIME: Span = Span::MAX;
/// The most lines of one summary of nameless attempts that were refused.
pub const STRANGER_COUNTS: usize = 64;
/// The shortest password, in characters, and the longest, in bytes.
pub const PASSWORD_BYTES: (usize, usize) = (12, 1024);
/// How long a secret holds that holds once.
pub const ONE_TIME_SECRET_LIFETIME: Span = Span::from_secs(24 * 3600);
/// The most people or addresses whose attempts are remembered at once, to limit them.
pub const RATES: usize = 10_000;
/// The most sessions that are remembered beside the store, to stop something by.
pub const SESSIONS_REMEMBERED: usize = 1_000;
/// How long the store may take to say whose a session is, where somebody stops something. After
/// that what was lately seen counts.
pub const SESSION_PATIENCE: Span = Span::from_millis(250);
/// The largest form that a page sends, in bytes.
pub const FORM_BYTES: usize = 64 << 10;
/// The longest way back to a page after signing in, in bytes.
pub const NEXT_BYTES: usize = 2_048;
/// The shortest and the longest lifetime of a session.
pub const SESSION_LIFETIME: (Span, Span) = (Span::from_secs(60), Span::from_secs(90 * 86_400));
/// The most proxies that a service believes.
pub const PROXIES: usize = 64;
/// The largest answer that is taken from an identity provider, in bytes.
pub const OIDC_BYTES: usize = 256 << 10;
/// The most groups that an identity provider's word for somebody is looked through for.
pub const OIDC_GROUPS: usize = 2_000;
/// The most configured sources.
pub const SOURCES: usize = 256;
/// The largest body that a service can be told to read, in bytes.
pub const SERVER_BODY_BYTES: u32 = 256 << 20;
/// The most deliveries that a service can be told to have waiting.
pub const QUEUE: usize = 100_000;
/// The most connections that a service can be told to serve at once.
pub const CONNECTIONS: usize = 65_536;
/// The shortest and the longest time that a service can be told to wait.
pub const SERVER_WAIT: (Span, Span) = (Span::from_millis(100), Span::from_secs(300));
/// The longest id of a request that a sender may choose, in bytes.
pub const REQUEST_ID_BYTES: usize = 128;
/// All headers of a request together, in bytes.
pub const HEADER_BYTES: usize = 64 << 10;
/// The most headers of a request.
pub const HEADERS: usize = 100;
/// The largest body of a request that asks for something, in bytes.
pub const ASK_BYTES: usize = 64 << 10;
/// The most incidents on one page of the read API.
pub const PAGE_INCIDENTS: usize = 200;
/// The most incidents looked at for one page of the read API.
pub const PAGE_SCAN: usize = 1_000;
/// The most places in the log that are kept to tell which alerts joined which incident.
pub const JOINS: usize = 500_000;
/// The most alerts of one incident on one page of the read API.
pub const PAGE_ALERTS: usize = 500;
/// The most events of one incident on one page of the read API.
pub const PAGE_EVENTS: usize = 500;
/// The most incidents named in the answer to one delivery.
pub const ANSWERED_INCIDENTS: usize = 100;
/// The most spans that wait to be exported.
pub const SPANS_WAITING: usize = 8_192;
/// The most incidents whose last traced step is remembered.
pub const TRACED_INCIDENTS: usize = 65_536;
/// The most incidents on one page of the inbox.
pub const INBOX_ROWS: usize = 50;
/// The most plans that are answered together on one page.
pub const BATCH_ROWS: usize = 20;
/// The most windows on their page.
pub const WINDOW_ROWS: usize = 100;
/// The most known people that a page lists to choose from; past it their name is written.
pub const NAMED_PEOPLE: usize = 100;
/// The most incidents that a page names as like another one.
pub const NEAR_INCIDENTS: usize = 20;
/// The most alerts that joined an incident last and are shown on its page.
pub const LATEST_JOINED: usize = 20;
/// The most fields of a form that are read.
pub const FORM_FIELDS: usize = 256;
/// The most runbooks on their page.
pub const RUNBOOK_ROWS: usize = 200;
/// The most entries on one page of the audit log.
pub const AUDIT_ROWS: usize = 100;
/// The most quarantined deliveries on their page.
pub const DELIVERY_ROWS: usize = 100;
/// How much of a quarantined delivery its page shows, in characters.
pub const DELIVERY_SHOWN: usize = 16 << 10;
/// The most open pages that are told at once what is recorded.
pub const EVENT_STREAMS: usize = 256;
/// The most channels that people are told through.
pub const CHANNELS: usize = 32;
/// The most groups or rotas that one channel is for.
pub const CHANNEL_AUDIENCES: usize = 64;
/// The most secrets that one channel signs with or trusts at once: the old and the new one.
pub const CHANNEL_SECRETS: usize = 2;
/// The most recipients of one mail.
pub const RECIPIENTS: usize = 64;
/// How often a notice is sent before it is given up.
pub const NOTICE_ATTEMPTS: u32 = 100;
/// How old a notice may be and still be sent.
pub const NOTICE_AGE: Span = Span::from_secs(24 * 3600);
/// How long it is remembered what came of a notice, besides its entry in the log.
pub const NOTICES_KEPT: Span = Span::from_secs(7 * 24 * 3600);
/// The most notices of one channel that are read at once when one that is due is looked for.
pub const NOTICES_AHEAD: usize = 256;
/// The most notices of one channel that are under way at once.
pub const NOTICES_AT_ONCE: usize = 4;
/// The most events of an incident in one printed report.
pub const REPORT_EVENTS: usize = 2_000;
/// How much of what a step printed is shown on a page, in characters.
pub const SHOWN_OUTPUT: usize = 2_000;
/// The most notices on one page of the read API.
pub const PAGE_NOTICES: usize = 200;
/// The most owed reviews that are listed at once.
pub const PAGE_OWED: usize = 500;
/// The most steps of a plan that a message shows; the page shows all.
pub const MESSAGE_STEPS: usize = 20;
/// The longest step or text that a message shows, in characters.
pub const MESSAGE_CHARS: usize = 300;
/// The largest body of a click in Slack, in bytes.
pub const INTERACTION_BYTES: usize = 256 << 10;
/// The most clicks in Slack that are decided at once.
pub const INTERACTIONS: usize = 16;
/// The shortest and the longest time between two signs of life.
pub const HEARTBEAT_INTERVAL: (Span, Span) = (Span::from_secs(5), Span::from_secs(3600));
/// The shortest and the longest time between two checkpoints that are handed out.
pub const CHECKPOINT_INTERVAL: (Span, Span) = (Span::from_secs(60), Span::from_secs(7 * 86_400));
/// The most rotas.
pub const ROTAS: usize = 64;
/// The most people of one rota.
pub const ROTA_PEOPLE: usize = 256;
/// The largest answer of an outside schedule, in bytes.
pub const SCHEDULE_BYTES: usize = 1 << 20;
/// The shortest and the longest turn of duty.
pub const ROTA_TURN: (Span, Span) = (Span::from_secs(60), Span::from_secs(366 * 24 * 3600));
/// The shortest and the longest time between two looks at an outside schedule.
pub const SCHEDULE_INTERVAL: (Span, Span) = (Span::from_secs(10), Span::from_secs(3600));
/// The longest time for which an outside schedule that cannot be read is still believed.
pub const SCHEDULE_AGE: Span = Span::from_secs(7 * 24 * 3600);

/// The most programs that the configuration lets be started.
pub const PROGRAMS: usize = 256;
/// How many steps run at once.
pub const RUNS: usize = 8;
/// How long whoever asked over HTTP may leave an answer unread before their connection is ended.
pub const UNREAD: Span = Span::from_secs(60);
/// How often what stops things is looked at while steps may run.
pub const SWITCH_LOOK: Span = Span::from_millis(500);
/// How long an answer on whether things are stopped is waited for; without one they count as
/// stopped.
pub const SWITCH_PATIENCE: Span = Span::from_secs(5);
/// How much of the beginning and of the end of each of a command's two outputs is kept, in bytes;
/// the log takes a text of both together.
pub const EXEC_OUTPUT_BYTES: (usize, usize) = (64 << 10, 64 << 10);
/// The most environment variables of one command, those with secrets included.
pub const EXEC_VARIABLES: usize = 128;
/// All environment variables of one command together, names and values, in bytes.
pub const EXEC_ENVIRONMENT_BYTES: usize = 128 << 10;
/// The most secrets of one command.
pub const EXEC_SECRETS: usize = 8;
/// The most secrets for steps that the configuration names.
pub const STEP_SECRETS: usize = 256;
/// The most runbooks, or patterns for them, that a secret is for.
pub const SECRET_RUNBOOKS: usize = 256;
/// The most sandboxes that the configuration names.
pub const SANDBOXES: usize = 256;
/// The shortest secret that a command may be given, in bytes: a shorter one could not be told from
/// other text in what it prints.
pub const EXEC_SECRET_BYTES: usize = 4;
/// The longest that a program may take to print a secret.
pub const EXEC_SECRET_WAIT: Span = Span::from_secs(10);
/// The most paths (for reading, and for writing) that a profile of a command names.
pub const EXEC_PATHS: usize = 64;
/// The most TCP ports that a profile of a command names.
pub const EXEC_PORTS: usize = 64;
/// The longest time between the polite and the other signal to end.
pub const EXEC_GRACE: Span = Span::from_secs(300);
/// The least and the most processor time that a process of a command can be told to take.
pub const EXEC_CPU: (Span, Span) = (Span::from_secs(1), Span::from_secs(24 * 3600));
/// The least and the most address space that a process of a command can be given, in bytes.
pub const EXEC_MEMORY_BYTES: (u64, u64) = (16 << 20, 1 << 40);
/// The least and the most descriptors that a process of a command can be told to have open.
pub const EXEC_FILES: (u64, u64) = (16, 65_536);
/// The least and the most processes that a command can be told to have.
pub const EXEC_PROCESSES: (u64, u64) = (1, 32_768);
/// The largest file that a process of a command can be told to write, in bytes.
pub const EXEC_FILE_BYTES: u64 = 1 << 40;
/// The largest program of which a digest is taken, in bytes.
pub const EXEC_PROGRAM_BYTES: u64 = 1 << 30;
/// The largest message between an agent and a supervisor, in bytes: a whole order.
pub const EXEC_MESSAGE_BYTES: usize = 8 << 20;
/// How long the supervisor of a command goes on without a word from its agent: then it ends the
/// command. An agent that is stuck cannot stop anything itself.
pub const EXEC_LEASE: Span = Span::from_secs(5);
/// How long a member of the replicas is one after it renewed that.
pub const MEMBERSHIP: Span = Span::from_secs(3);
/// For how long the membership of a replica must be seen to be over before what it has started
/// counts as lost: [`EXEC_LEASE`] and [`EXEC_KILL_WAIT`], by which all of it has ended, and a second
/// for what is looked at in turns.
pub const TAKE_OVER: Span = Span::from_secs(16);
/// How long processes that were killed are waited for. One that is in the kernel dies when it
/// comes out of it.
pub const EXEC_KILL_WAIT: Span = Span::from_secs(10);
/// The most hosts of the inventory.
pub const HOSTS: usize = 1_024;
/// The longest line for the shell of another host, in bytes. The kernel takes no argument of 128 KiB
/// (`MAX_ARG_STRLEN`, execve(2)), neither here nor there.
pub const REMOTE_LINE_BYTES: usize = 100 << 10;
/// How much OpenSSH's client may write of what it does, in bytes; of a longer log it cannot be said
/// how far the client came.
pub const REMOTE_LOG_BYTES: usize = 256 << 10;
/// How long a connection to another host may take to come about.
pub const REMOTE_CONNECT: Span = Span::from_secs(10);
/// How often a host that says nothing is asked whether it is there, and how many answers may be
/// missing until the connection counts as lost.
pub const REMOTE_SILENCE: (Span, u32) = (Span::from_secs(5), 3);
