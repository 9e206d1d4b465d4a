//! TLS to the database: the certificate and the name are always checked.

use std::net::TcpListener;
use std::process::Command;

use tagout::store::PostgresStore;

use super::cluster::{Cluster, settings};

#[test]
fn a_server_is_believed_only_with_a_certificate_for_its_name() {
    let mut cluster = Cluster::start(&[]);
    let database = cluster.database();
    cluster.stop();
    let (data, root) = (cluster.data(), cluster.dir().join("root.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(data.join("server.key"))
        .arg("-out")
        .arg(data.join("server.crt"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    std::fs::copy(data.join("server.crt"), &root).unwrap();
    cluster.give_away();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    cluster.run(&["ssl=on", "listen_addresses=127.0.0.1", &format!("port={port}")]);

    let url = |host: &str, query: &str| {
        format!("postgres://postgres@{host}:{port}/{database}?hostaddr=127.0.0.1&{query}")
    };
    let tried = |url: &str| PostgresStore::open(settings(url, "a"));
    let trusted = format!("sslrootcert={}", root.display());
    let store = tried(&url("localhost", &format!("sslmode=verify-full&{trusted}"))).unwrap();
    drop(store);
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = 'tagout'";
    let store = tried(&url("localhost", &format!("sslmode=require&{trusted}"))).unwrap();
    let mut client = cluster.client("postgres");
    assert!(client.query_one(encrypted, &[]).unwrap().get::<_, bool>(0));
    drop(store);
    // Another name than the certificate's, and no certificate of ours to check it by.
    for query in [format!("sslmode=verify-full&{trusted}"), "sslmode=verify-full".to_owned()] {
        let host = if query.contains("sslrootcert") { "db.example.org" } else { "localhost" };
        let refused = tried(&url(host, &query)).unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{refused}");
    }
}
