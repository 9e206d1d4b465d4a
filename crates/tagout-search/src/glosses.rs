//! What the shorthand of operators means in plain words.
//!
//! Alerts say `OOMKilled`, `5xx` and `NXDOMAIN`; pages say "out of memory", "server errors" and
//! "names do not resolve". Neither general English nor the words of a small directory can know that
//! these are the same. The list holds what is in use everywhere: signals and error codes of the
//! operating system and of protocols, abbreviations of measures, and what kind of thing a widely used
//! product is.

/// Shorthand in lower case and its meaning; sorted.
const GLOSSES: &[(&str, &str)] = &[
    ("4xx", "client errors"),
    ("5xx", "server errors"),
    ("apdex", "slow response time"),
    ("aurora", "database"),
    ("backlog", "queue"),
    ("barman", "database backup"),
    ("borg", "backup"),
    ("cassandra", "database"),
    ("celery", "task queue"),
    ("cnpg", "postgres database"),
    ("coredns", "dns resolver"),
    ("crashloop", "crash restart"),
    ("crashloopbackoff", "container crash loop restart"),
    ("cron", "scheduled job"),
    ("cronjob", "scheduled job"),
    ("df", "disk space"),
    ("ebs", "disk volume"),
    ("elasticache", "redis cache"),
    ("enospc", "no space left disk full"),
    ("etcd", "key-value store"),
    ("expiry", "expires"),
    ("goroutines", "threads"),
    ("hikari", "database connection pool"),
    ("hikaripool", "database connection pool"),
    ("hpa", "autoscaler"),
    ("inode", "filesystem"),
    ("inodes", "filesystem"),
    ("iops", "disk reads writes"),
    ("iostat", "disk"),
    ("iowait", "waiting for disk"),
    ("kafka", "message queue"),
    ("kinesis", "message stream"),
    ("kubelet", "kubernetes node"),
    ("lag", "behind"),
    ("lagging", "behind"),
    ("letsencrypt", "tls certificate"),
    ("loadavg", "cpu load"),
    ("memcached", "cache"),
    ("memorystore", "redis cache"),
    ("mongo", "database"),
    ("mongodb", "database"),
    ("mysql", "database"),
    ("mysqldump", "database backup"),
    ("nats", "message queue"),
    ("nvme", "disk"),
    ("nxdomain", "dns name does not resolve"),
    ("oncpu", "cpu"),
    ("oom", "out of memory"),
    ("oomkill", "out of memory"),
    ("oomkilled", "out of memory"),
    ("oomkiller", "out of memory"),
    ("oracle", "database"),
    ("p50", "latency"),
    ("p90", "latency"),
    ("p95", "latency"),
    ("p99", "latency"),
    ("p999", "latency"),
    ("patroni", "postgres cluster"),
    ("pgbackrest", "database backup"),
    ("pgbouncer", "database connection pool"),
    ("postgres", "database"),
    ("postgresql", "database"),
    ("promoted", "failover"),
    ("pubsub", "message queue"),
    ("qps", "requests per second traffic"),
    ("rabbitmq", "message queue"),
    ("rds", "database"),
    ("redis", "cache"),
    ("restic", "backup"),
    ("restore", "backup"),
    ("rpo", "data loss"),
    ("rps", "requests per second traffic"),
    ("rtt", "latency"),
    ("servfail", "dns lookup failure"),
    ("sidekiq", "job queue"),
    ("sluggish", "slow"),
    ("snapshot", "backup"),
    ("spike", "sudden increase"),
    ("sqlserver", "database"),
    ("sqs", "message queue"),
    ("ssl", "tls certificate"),
    ("standby", "database replica"),
    ("surge", "spike traffic"),
    ("throughput", "traffic"),
    ("timer", "scheduled"),
    ("ttfb", "latency"),
    ("unbound", "dns resolver"),
    ("valkey", "redis cache"),
    ("velero", "backup"),
    ("walg", "database backup"),
    ("x509", "tls certificate"),
];

/// The meaning of a lower-case word that is shorthand.
pub(crate) fn gloss(word: &str) -> Option<&'static str> {
    GLOSSES
        .binary_search_by(|(short, _)| (*short).cmp(word))
        .ok()
        .and_then(|at| GLOSSES.get(at))
        .map(|(_, meaning)| *meaning)
}

/// The distinct meanings of the shorthand in a text, in the order of its words.
pub(crate) fn glosses(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if let Some(meaning) = gloss(&word.to_lowercase())
            && !found.contains(&meaning)
        {
            found.push(meaning);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_because_it_is_searched_by_halving() {
        assert!(GLOSSES.is_sorted());
    }

    #[test]
    fn shorthand_is_explained_once_and_other_words_are_not() {
        assert_eq!(glosses("OOMKilled: oom, p99 fine"), ["out of memory", "latency"]);
        assert_eq!(glosses("the disk is full"), Vec::<&str>::new());
    }
}
