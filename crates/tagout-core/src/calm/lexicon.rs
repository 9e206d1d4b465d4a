//! The words by which a calm text is read: every list holds words separated by spaces.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A list of words, looked up as a set.
pub(super) struct Words(LazyLock<BTreeSet<&'static str>>);

impl Words {
    /// Whether the list holds `word`.
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

/// What may follow a denial.
pub(super) static AFTER_DENIAL: Words = Words(LazyLock::new(|| {
    "in on at to for during is are was were expected reported found \
    observed seen detected occurred anticipated required needed necessary since by from"
        .split_whitespace()
        .collect()
}));

/// What may follow a calm phrase directly.
pub(super) static AFTER_CALM: Words = Words(LazyLock::new(|| {
    "in on at to for by from as of via within with again now successfully \
    normally today tonight tomorrow during through across over under between is are was level \
    levels range state operation service status the its all below running serving accepting answering \
    against using next this monday tuesday wednesday thursday friday saturday sunday begins starts applies test drill exercise window s ms".split_whitespace().collect()
}));

/// Subjects that are bad when high, so that less of them is good.
pub(super) static BAD_SUBJECT: Words = Words(LazyLock::new(|| {
    "cpu memory disk usage latency error errors loss lag load backlog \
    queue depth temperature utilization utilisation pressure rate delay response time swap"
        .split_whitespace()
        .collect()
}));
/// Subjects that are good when high.
pub(super) static GOOD_SUBJECT: Words = Words(LazyLock::new(|| {
    "free available availability healthy ready success successful hit \
    throughput traffic orders requests remaining alive live ok up running battery budget space"
        .split_whitespace()
        .collect()
}));
/// What there should be none of.
pub(super) static ZERO_SUBJECT: Words = Words(LazyLock::new(|| {
    "error errors loss lag delay backlog failures".split_whitespace().collect()
}));
/// Words after which a participle tells of work still to do.
pub(super) static UNDONE: Words =
    Words(LazyLock::new(|| "be being to get gets will must should".split_whitespace().collect()));
/// Pieces of work.
pub(super) static CHANGE: Words = Words(LazyLock::new(|| {
    "maintenance upgrade update backup restore migration deployment deploy \
    release rollout rotation renewal patching reboot restart failover switchover drill exercise test tests \
    build pipeline stage stages job flag feature option freeze work works change rebuild rebalance cleanup \
    drain import export sync reindex snapshot check checks resize refresh purge vacuum reindex reindexing replacement installation promotion \
    compaction defrag expansion extension resizing installation bootstrap handover sweep pruning cleaning clone loading warmup warming instance day certificate backfill resync cutover failback scaling provisioning rebalancing import patch warm \
    archive run task apply copy scan healthcheck reboots helm transfer backups order index".split_whitespace().collect()
}));
/// Names of conditions, no faults when the clause says that they ended.
pub(super) static CONDITION: Words = Words(LazyLock::new(|| {
    "error errors rate latency lag loss packet high low load usage backlog \
    alarm alert incident outage issue issues problem problems depth pressure connections elevated slow dead \
    letter delay failure failures degraded degradation down unhealthy unavailable unreachable".split_whitespace().collect()
}));
/// Words that tell how a thing stands where they stand for a whole report.
pub(super) static STATUS: Words = Words(LazyLock::new(|| {
    "resolved recovered ok cleared recovery success succeeded successful up closed restored passed normal complete completed"
        .split_whitespace()
        .collect()
}));
/// Those of [`STATUS`] that end a piece of work.
pub(super) static STATUS_OF_WORK: Words = Words(LazyLock::new(|| {
    "success succeeded successful passed complete completed".split_whitespace().collect()
}));
/// Words that deny or restrict what stands beside them; nothing excuses them but a pattern.
pub(super) static RESTRICTING: Words = Words(LazyLock::new(|| {
    "not no never none nobody nothing neither nor cannot cant without but however although though \
    despite except yet still only while whereas unless otherwise instead some several few most part partial \
    partially again reopened firing triggered"
        .split_whitespace()
        .collect()
}));
/// What planned work may do to its surroundings, no fault where an announcement foretells it.
pub(super) static EFFECT: Words = Words(LazyLock::new(|| {
    "impact interruption interruptions disruption disruptions downtime outage outages unavailable \
    offline delay delays delayed slow slower latency degraded unreachable disconnect disconnected \
    restarting rebooting paused read-only may might will up down be stop stopped"
        .split_whitespace()
        .collect()
}));
/// Verbs that report plain work, so that their subject and object may be anything.
pub(super) static HARMLESS_VERB: Words = Words(LazyLock::new(|| {
    "processed uploaded downloaded transferred copied moved saved stored rotated added changed updated \
    created installed applied upgraded migrated deployed built pushed pulled started finished completed \
    archived verified uses runs run running took follow follows freed reclaimed published replaced \
    switched promoted reconnected joined wrote written signed issued renewed merged passed"
        .split_whitespace()
        .collect()
}));
/// Words that say that a count is complete.
pub(super) static WHOLE: Words =
    Words(LazyLock::new(|| "all every both each".split_whitespace().collect()));
/// Words between a part and its whole, or between a figure and what it should be.
pub(super) static OUT_OF: Words =
    Words(LazyLock::new(|| "of out against vs versus".split_whitespace().collect()));
/// Words after which an unknown word is the name of something.
pub(super) static NAMING: Words = Words(LazyLock::new(|| {
    "of for by from to via against namespace database table index group queue \
    topic cluster service host pool job branch schema team release project bucket instance flag user \
    certificate repository".split_whitespace().collect()
}));
pub(super) static ARTICLE: Words = Words(LazyLock::new(|| "the a an".split_whitespace().collect()));

/// Words that are a sign of a fault wherever they stand, matched from their beginning.
pub(super) static FAULT_STEMS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    "fail error crash degrad corrupt timeout stuck stall stale expir exhaust exceed overload \
    overrun overdue saturat throttl reject refus denied deny drop lost lose losing loss miss \
    lack broke break abort cancel abandon kill evict flap hang hung freez frozen leak panic \
    fatal critical sever emergenc warn alarm outage offline disconnect detach isolat split \
    conflict duplicat mismatch inconsisten incomplete insufficien invalid inactive inaccessib \
    incorrect insecure wrong bad problem issue incident anomal suspicio unauth compromis debug \
    vanish garbl blank silen jump muted attack breach vulnerab malform violat disabl halt skip \
    delay slow late lag behind backlog congest pressure rising rise grow grew increas spik surg \
    elevat excess high low declin decreas shrink fell fall half halv third partial almost nearly \
    pending wait retry retri restarting rebooting repeated contradict differ deviat drift skew \
    dark dead empty full trip doubl revok withdraw withdrew terminat retir block lock forbid \
    starv limit risk danger urgent harm damag rescue complain forgot ignored mistake trouble \
    suffer struggl poor weak worse worst degenerat interrupt downgrad misc outstand remain stop \
    stray orphan cordon quarantin read-only oom absent bounc unread delet remov destroy wipe \
    purged fill discard disappear experienc overcommit seale often frequent changing laps \
    servfail nxdomain"
        .split_whitespace()
        .collect()
});
/// Words that are a sign of a fault as they stand.
pub(super) static FAULT: Words = Words(LazyLock::new(|| {
    "not no never none nobody nothing neither nor cannot cant without non but however \
    although though despite except yet still only while whereas unless otherwise instead too must needs \
    need needed should would could ought above below less fewer more than down out old older ago last late \
    some several few most part same because whether nowhere barely hardly beyond near over crit err 5xx \
    off zero keeps keep temporary temporarily reopened red yellow gone looks hides away \
    another compromised login logins logon password credential credentials privilege privileges \
    admin mining mode hold results firing triggered alerting max maximum capacity twice threw throws bug bugs cut cuts open smart overflow 5xx".split_whitespace().collect()
}));
/// Words that look like faults and are none.
pub(super) static NOT_FAULT: Words = Words(LazyLock::new(|| {
    "broker brokers issued issuing issuer failover failovers failback latency latest later lower unit units union unix \
    universal unique under until unchanged highly fully splits dropbox allow follow flow release \
    released latent lateral missile badge logs".split_whitespace().collect()
}));
/// Words about what might be: no report, unless the text announces something.
pub(super) static UNCERTAIN: Words = Words(LazyLock::new(|| {
    "will if when may might can going expected expect supposed planned soon likely \
    possible possibly perhaps probably apparently predicted trying attempting about"
        .split_whitespace()
        .collect()
}));
/// Words that give a date.
pub(super) static DATE: Words = Words(LazyLock::new(|| {
    "tonight tomorrow today monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri \
    sat sun january february march april may june july august september october november december \
    utc cet cest gmt am pm window weekend week"
        .split_whitespace()
        .collect()
}));
/// Words that make a clause of an announcement a plan and not a report.
pub(super) static PLANNED: Words = Words(LazyLock::new(|| {
    "will starts start starting begins begin place expected applies apply \
    between tonight tomorrow today monday tuesday wednesday thursday friday saturday sunday scheduled planned \
    during goes runs next mon tue tues wed thu thur thurs fri sat sun".split_whitespace().collect()
}));

// How many words outside the lexicon a clause may have; any clause not named here, none.

/// A clause with a calm phrase: its subject may be anything.
pub(super) const UNKNOWN_IN_CALM: usize = 3;
/// A clause whose verb reports plain work.
pub(super) const UNKNOWN_WITH_VERB: usize = 2;
/// A clause of an announcement that tells of a plan.
pub(super) const UNKNOWN_IN_PLAN: usize = 12;
/// A clause that heads another ("restic: …"), and one of an announcement.
pub(super) const UNKNOWN_IN_HEADING: usize = 2;
/// A clause of a text that a status word heads.
pub(super) const UNKNOWN_UNDER_HEADING: usize = 3;
/// A title without a calm phrase: the name of something.
pub(super) const UNKNOWN_IN_TITLE: usize = 1;

/// Ordinary words of operations that report nothing by themselves.
pub(super) static KNOWN: Words = Words(LazyLock::new(|| {
    "the a an its it their this these is are was were be been being has have had do i we you your \
    of in on at to for by from as via with into onto through across around per within under \
    between then now again currently here there up new primary secondary replica standby leader \
    follower master node cluster database db table row column index schema shard partition topic \
    queue group consumer producer broker message event record user service server host instance \
    machine vm container pod namespace deployment daemon set image version revision chart tag \
    branch main commit stage environment prod production staging region zone site datacenter rack \
    cloud provider account project bucket volume disk file filesystem storage snapshot backup \
    archive size total count number amount duration time minute minutes min hour hours h second \
    seconds sec ms s m day week mb gb tb kb mib gib tib took taken elapsed started finished ended \
    completed start end began exit code status state health healthy ready running run runs active \
    live online reachable available connected established assigned joined serving accepting taking \
    writes reads write read traffic request response connection session link interface port \
    circuit carrier peer neighbor neighbour route router switch network path tunnel dns resolver \
    load balancer target endpoint gateway proxy certificate cert key tls ssl valid issued signed \
    verified checksum matches matched processed uploaded downloaded stored copied moved \
    transferred promoted switched over added changed removed deleted created updated installed \
    freed statement executed operating normal normally usual usually expected level range baseline \
    successful success successfully green ok fine steady stable streaming current reports reported \
    monitoring monitor check test suite build job pipeline runner artifact registry release bot \
    operator team oncall control plane pool worker agent manager controller system application app \
    api web page component resource configuration config setting rule policy patch kernel firmware \
    package data cpu memory ram usage utilization p50 p95 p99 percent average utc am pm today \
    tonight tomorrow morning evening night noon nightly daily weekly monthly january february \
    march april may june july august september october november december monday tuesday wednesday \
    thursday friday saturday sunday http https tcp ping reply id name place reached back returned \
    came went fully way every all both each any other date vacuumed rebooted restarted cleanly \
    stay stays redundant redundancy desired satisfied confirmed confirms hold holds hit ratio \
    offset inlet uptime spare paths reconnected rows hosts applications known cleaned built pushed \
    deployed reassigned implemented flowing flow served serve migrated loaded applied rotated \
    renewed replaced point uses use used using send sent receive received reader writer space free \
    log journal reminder platform retention replies resumed resume continue continued work worked \
    working functioning regular routine ordinary nominal required optional automatic automatically \
    manual manually clean succeed succeeded done complete passed sync synced synchronised \
    synchronized caught window notice notification information announcement engineer technician \
    dba staff colleague customer company office building hall room floor power ups generator \
    cooling temperature voltage fan postgres postgresql mysql mariadb mongo mongodb redis kafka \
    rabbitmq elasticsearch opensearch cassandra etcd consul vault nginx haproxy envoy istio \
    traefik kubernetes kube kubelet docker linux debian ubuntu windows jenkins gitlab github argo \
    helm terraform ansible grafana prometheus aws azure gcp google amazon cloudflare aurora rds \
    oracle celery sidekiq spark airflow ceph minio s3 lambda ec2 eks gke aks vpn bgp ospf ntp ldap \
    smtp imap ssh statefulset daemonset replicaset configmap secret ingress egress crd pvc pv \
    business internal external public private local remote central global own same search catalog \
    payment billing ledger inventory export mail profile entry entries item object folder \
    directory byte block chunk segment days month year period interval schedule calendar holiday \
    speed bandwidth throughput capacity quota threshold reading sample metric graph dashboard \
    alerting first previous former next following either elected member quorum term election vote \
    voted option feature flag ring fibre fiber cable rail wave optic transceiver wifi wireless \
    access core edge checksums intact consistent correct correctly identical equal equals match \
    train batch phase step task thread process unit visible opened closed close join attached \
    mounted bound subscribed balanced rebalanced distributed spread warmed warm cold hot \
    availability last reporting let encrypt report stateful value archived pass hpa saved peak \
    wildcard recent people person man woman supplier vendor client tenant partner visitor house \
    door gate street city country desk phone laptop printer camera screen badge contract invoice \
    order price list plan document guide procedure handbook ticket email letter call meeting \
    training course exercise review inspection survey summary overview result rota shift weekend \
    workday afternoon lunch hourly quarterly yearly frontend backend middleware library framework \
    module plugin addon extension driver compiler language source repository merge pull diff note \
    changelog bundle binary asset picture video audio text form field menu button banner trigger \
    function sequence tablespace cursor query transaction wal binlog oplog checkpoint vacuum cron \
    scheduler timer exchange stream vlan subnet prefix address mask trunk uplink downlink wan lan \
    mpls array lun raid enclosure shelf drive tape cartridge hypervisor guest template clone \
    vmware proxmox xen kvm sla slo trace span panel north south east west left right upper front \
    rear inner outer large small big short long extra whole final initial original blue black \
    white grey chain intermediate feed approval opens autumn spring summer winter expansion \
    allocated allocation migration since rate kind sort flaky canary scaleset spot authority \
    signature trust store keystore lease reservation dhcp recovery condition series tracking \
    listener jan feb mar apr jun jul aug sep sept oct nov dec afterwards meanwhile please wiki \
    documentation thanks action side found observed detected seen swap probe automated scrub \
    repaired ignore"
        .split_whitespace()
        .collect()
}));
