//! The phrases by which a calm text is read.
//!
//! In a pattern spaces separate words, bars separate alternatives, a trailing question mark makes
//! a word optional, and `#` stands for any number.

use std::sync::LazyLock;

use super::CalmKind::{self, Announcement, FinishedChange, NormalState};

/// A pattern, taken apart.
pub(super) struct Pattern(pub(super) Vec<Slot>);

/// One place of a pattern.
pub(super) struct Slot {
    pub(super) words: Vec<&'static str>,
    pub(super) optional: bool,
    pub(super) number: bool,
}

impl Pattern {
    fn new(text: &'static str) -> Self {
        let slot = |slot: &'static str| {
            let words = slot.strip_suffix('?').unwrap_or(slot);
            Slot {
                words: words.split('|').collect(),
                optional: slot.ends_with('?'),
                number: words == "#",
            }
        };
        Self(text.split(' ').map(slot).collect())
    }
}

/// What a calm phrase needs around it before it counts.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    Nothing,
    /// The phrase is the whole clause.
    Alone,
    /// The phrase ends its clause.
    End,
    /// The phrase ends its clause, and something stands before it.
    Subject,
    /// The phrase begins its clause; anything may follow.
    Start,
    /// The clause gives a date.
    Dated,
    /// The subject is something that is bad when it is high.
    BadSubject,
    /// The subject is something of which there should be none.
    ZeroSubject,
    /// The subject is a piece of work, or there is none.
    Change,
    /// The subject is "all" of something.
    Whole,
}
use Needs::{Alone, BadSubject, Change, Dated, End, Nothing, Start, Subject, Whole, ZeroSubject};

/// Phrases that report calm.
const CALM: &[(&str, CalmKind, Needs)] = &[
    // Normal state.
    (
        "back|returned|return|returns to|at|within|in its|their|the? normal|usual|baseline|healthy|ready|service level|levels|range|state|operation|operations?",
        NormalState,
        Nothing,
    ),
    ("back up|online", NormalState, Nothing),
    (
        "is|are|was|were|again|now|has|have? been? fully? recovered|restored|cleared|drained|resolved",
        NormalState,
        Nothing,
    ),
    ("recovered|cleared|drained|resolved|restored|synchronised|synchronized", NormalState, Nothing),
    ("re established", NormalState, Nothing),
    ("is|are|came back", NormalState, End),
    ("healthy|operational", NormalState, End),
    ("incident|alert|case|problem closed", NormalState, Nothing),
    ("normal|nominal", NormalState, BadSubject),
    ("is|are|has|have? dropped|fallen|back|down to #", NormalState, BadSubject),
    ("is|are now|again? available|active|synchronised|synchronized", NormalState, Nothing),
    ("are|is running|up|ready|online|healthy", NormalState, Whole),
    ("recovered|resolved|ok|cleared|healthy|normal", NormalState, Alone),
    ("caught up with?", NormalState, Nothing),
    (
        "is|are|has|have been? now|again|all|fully|back|currently? healthy|ready|normal|stable|operational|reachable|online|up|green|ok|idle|synced",
        NormalState,
        Nothing,
    ),
    (
        "up|healthy|ready|reachable|online|available|stable|normal|ok|operational|empty|green|satisfied again|now",
        NormalState,
        Nothing,
    ),
    ("is|are back? in|within sync|range|limits", NormalState, Nothing),
    ("in sync", NormalState, Nothing),
    (
        "within|in its|the|their? normal|usual|expected range|limits|level|levels",
        NormalState,
        Nothing,
    ),
    ("within limits|bounds|thresholds|tolerance", NormalState, Nothing),
    ("entered|in the|an? ok|running|normal|healthy state", NormalState, Nothing),
    (
        "no longer firing|alerting|failing|down|unavailable|unreachable|degraded|breached|breaching|exceeded|elevated|high|full|stuck|affected|blocked|lagging|throttled|overloaded|critical",
        NormalState,
        Nothing,
    ),
    (
        "status|health|state|usage|cluster|ring|service|targets|nodes|all normal|healthy|green|ok|operational|ready|running|good",
        NormalState,
        Nothing,
    ),
    (
        "operating|working|running|functioning|serving|answers|answer|answering|behaving traffic? normally",
        NormalState,
        Nothing,
    ),
    (
        "systems|services|checks|targets|tests operational|passing|healthy|pass",
        NormalState,
        Nothing,
    ),
    ("check|checks|probe|probes is|are|now? passing|ok", NormalState, Nothing),
    (
        "is|are? back|again|now within the|its|their? threshold|limit|limits|target",
        NormalState,
        Nothing,
    ),
    (
        "back|again|returned|dropped|fell|now below|under|within threshold|limit|target|limits",
        NormalState,
        BadSubject,
    ),
    ("returned|back|down to 0|0%|zero", NormalState, ZeroSubject),
    ("is|are|now 0|0%|zero", NormalState, ZeroSubject),
    (
        "ok|ready|up|online|reachable|operational|green|active|clean|passing|connected|established",
        NormalState,
        Subject,
    ),
    ("to up|green|ok|healthy|normal|ready|running|online", NormalState, Nothing),
    // Finished change.
    ("successfully", FinishedChange, Start),
    ("finished|completed", FinishedChange, Start),
    ("saved|stored|synced|uploaded|promoted|complete|rebooted|restarted", FinishedChange, Subject),
    (
        "has|have|was|were|is|are? been? successfully? completed|finished|done|concluded|successful|complete successfully?",
        FinishedChange,
        Change,
    ),
    (
        "has|have|was|were|is|are? been? successfully rolled|applied|deployed|installed|upgraded|updated|created|published|renewed|rotated|restored out?",
        FinishedChange,
        Nothing,
    ),
    (
        "apply|rollout|upgrade|update|migration|backup|failover|deployment|patching|rotation|restore|is|are|now complete",
        FinishedChange,
        Nothing,
    ),
    ("rolled out", FinishedChange, Nothing),
    (
        "renewed|upgraded|patched|published|deployed|applied|rotated|reissued|promoted|updated|migrated|implemented|expanded|reconfigured|resized",
        FinishedChange,
        Nothing,
    ),
    (
        "succeeded|passed|fulfilled|installed|created|issued|merged|imported|archived|verified",
        FinishedChange,
        Change,
    ),
    ("pipeline|build green", FinishedChange, Nothing),
    (
        "snapshot|backup|image|archive|index|namespace|volume|bucket|topic was|were|has? been? created|taken|verified",
        FinishedChange,
        Nothing,
    ),
    (
        "was|were|has|have been? merged|installed|verified|rebooted|archived|issued",
        FinishedChange,
        Nothing,
    ),
    ("scaled up|down|in|out", FinishedChange, Nothing),
    ("autoscaler added|removed", FinishedChange, Nothing),
    ("certificate|certificates|cert installed|issued|replaced|reissued", FinishedChange, Nothing),
    ("enabled|activated", FinishedChange, Change),
    // Announcement.
    (
        "scheduled|planned|upcoming|announced|routine maintenance|upgrade|work|works|restart|reboot|release|downtime|window|change|changes|failover|drill|exercise|test|rotation|patching|deployment|migration|interruption|shutdown|switchover",
        Announcement,
        Nothing,
    ),
    (
        "planned|upcoming|scheduled fibre|network|database|power|cluster|node|load|system|storage|server|kernel|price|certificate|key|firmware maintenance|upgrade|work|works|test|list|rotation|outage|change rotation|change?",
        Announcement,
        Nothing,
    ),
    ("maintenance|change window|notification|notice|announcement|freeze", Announcement, Nothing),
    ("is|are? scheduled|planned|announced for|on|tonight|tomorrow", Announcement, Change),
    ("scheduled|planned|announced", Announcement, Change),
    ("takes|take place", Announcement, Change),
    (
        "will be? performed|performing|carried|carrying|conducted|conducting|upgraded|upgrading|patched|replaced|rebooted|migrated|rotated|updated|moved|retired|practising|testing",
        Announcement,
        Dated,
    ),
    ("change|code|deployment|deploy|release|holiday|production freeze", Announcement, Nothing),
    ("this is? only? a test|drill|exercise", Announcement, Nothing),
    ("test alert|notification|message|page", Announcement, Nothing),
    ("announcement|notice", Announcement, End),
    ("fyi|announcement|notice|for? your? information?", Announcement, Alone),
    ("for your information", Announcement, Nothing),
    (
        "maintenance|drill|exercise|test|replacement|work|works|upgrade|release|deployment|patching|reboot|day this|next|on|tonight|tomorrow|today|monday|tuesday|wednesday|thursday|friday|saturday|sunday|week|month|weekend",
        Announcement,
        Nothing,
    ),
    (
        "drain|migration|patching|upgrade|restart|release|switchover tonight|tomorrow",
        Announcement,
        Nothing,
    ),
];

/// [`CALM`], taken apart.
pub(super) static CALM_PATTERNS: LazyLock<Vec<(Pattern, CalmKind, Needs)>> = LazyLock::new(|| {
    CALM.iter().map(|(text, kind, needs)| (Pattern::new(text), *kind, *needs)).collect()
});

/// Denials that make a fault word harmless.
pub(super) static DENIED_FAULTS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
    "no|without|zero|0|any further|known|more|new|other|any|data|user|customer|service? data? error|errors|failure|failures|failed|loss|lost|downtime|impact|issue|issues|problem|problems|warning|warnings|interruption|interruptions|incident|incidents|outage|lag|conflicts|destroyed|skipped|rejected",
    "no user|customer|further|immediate? action|actions|intervention|response is? required|needed|necessary?",
    "nothing to do",
    "error|errors|warning|warnings|failure|failures|failed|skipped|lost|rejected|unreachable 0|none",
    "not expired",
    ].into_iter().map(Pattern::new).collect()
});
/// Verbs whose particle is no comparison.
pub(super) static PHRASAL_VERBS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        "took|taken|takes|switched over",
        "carry|carried|carries|goes|go out",
        "up to date",
        "password|credential|credentials|secret rotation",
        "one after the other",
        "full set",
        "last hour|minute|day",
        "removed|deleted|pruned|purged # old|expired|unused|obsolete|temporary? archives|logs|snapshots|backups|images|files|revisions|artifacts|versions|entries",
        "full|incremental backup|state|sync|snapshot|duplex",
        "a few minutes|seconds",
        "normal|standard|active|cluster mode",
        "alerting system|rule|rules|pipeline",
        "testing|test|simulate|simulating|practising the? loss|failure|outage",
        "to another host|node|server|zone",
        "0|0s second|seconds|s|ms? behind",
        "part of a|an|the? scheduled|planned|regular|routine? exercise|drill|test|maintenance|release|change|plan|work|window",
        "new expiry|expiration date?",
        "with a|an|the? value|average of? #",
        "as planned|expected|scheduled|intended",
    ]
    .into_iter()
    .map(Pattern::new)
    .collect()
});
/// Effects that an announcement foretells.
pub(super) static FORETOLD: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
    "brief|short|minor interruption|interruptions|downtime|outage|disruption|disruptions is|are? expected|possible|planned?",
    "no deployment|deployments|release|releases|change|changes|deploys",
    "up to #",
    "pending minor|security? maintenance|upgrade|update|reboot",
    "version|api|service retirement|deprecation",
    "will be retired|deprecated|discontinued|stopped|paused",
    "not be affected|impacted",
    ].into_iter().map(Pattern::new).collect()
});
/// A change from a bad state to a good one, and none of what there should be none of.
pub(super) static TRANSITIONS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        "not? down|red|yellow|critical|warning|warn|problem|alarm|alert|error|degraded|failed|unhealthy|offline|unavailable|unreachable|unknown|pending|disconnected to up|green|ok|normal|ready|healthy|running|online|available|active|good|reachable|connected",
        "not ready|healthy|available|ok to ok|normal|ready|healthy|available",
        "lag|delay|offset|backlog|repaired is|of? 0|0s|0b|0ms|zero",
    ].into_iter().map(Pattern::new).collect()
});
/// Faults that are over when a normal state is reported.
pub(super) static PAST_FAULTS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        "was|were|been down|offline|unavailable|unreachable|degraded|failing for|during #",
        "downtime|outage|incident duration? was|of|lasted? #",
        "criteria|condition|conditions|threshold are|is? no longer met|true|violated|breached|exceeded",
    ].into_iter().map(Pattern::new).collect()
});
/// How a monitor speaks of its bound in a report that a status word heads.
pub(super) static UNDER_HEADING: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        "below|under|above|over the? alert|alerting|warning|critical|recovery? threshold|thresholds|limit|limits",
        "not|no longer? greater|less|higher|lower|more than or? equal? to? the? threshold|limit",
        "severity warning|critical|high|major|minor|average|disaster",
    ].into_iter().map(Pattern::new).collect()
});
