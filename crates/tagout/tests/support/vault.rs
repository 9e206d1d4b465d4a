//! What must hold of every store that keeps secrets.

use tagout::store::secrets::{Secret, SecretKind, Secrets};
use tagout_core::time::Time;

pub(crate) fn secret(id: &str, value: &[u8], expires_at: Option<i64>) -> Secret {
    let expires_at = expires_at.map(Time::from_millis);
    Secret { id: id.to_owned(), value: value.to_vec(), expires_at }
}

/// A fresh store keeps what it is given, by kind and id, and gives up what has expired.
pub(crate) fn keeps_secrets(store: &dyn Secrets) {
    use SecretKind::{Password, Session};
    let ana = secret("ana", b"one\0\xff", None);
    assert_eq!(store.secret(Password, "ana").unwrap(), None);
    store.put_secret(Password, &ana).unwrap();
    store.put_secret(Session, &secret("ana", b"another kind", Some(10))).unwrap();
    assert_eq!(store.secret(Password, "ana").unwrap(), Some(ana.clone()));

    let changed = secret("ana", b"two", None);
    assert!(!store.swap_secret(Password, &changed, b"something else").unwrap());
    assert_eq!(store.secret(Password, "ana").unwrap(), Some(ana.clone()));
    assert!(store.swap_secret(Password, &changed, &ana.value).unwrap());
    assert!(!store.swap_secret(Password, &ana, &ana.value).unwrap(), "it was used once");
    assert!(!store.swap_secret(Password, &secret("ben", b"x", None), b"").unwrap());
    assert_eq!(store.secret(Password, "ben").unwrap(), None, "nothing comes of a swap alone");

    store.put_secret(Password, &ana).unwrap();
    assert_eq!(store.secrets(Password, "", 9).unwrap(), std::slice::from_ref(&ana));
    for n in 0..5 {
        store.put_secret(Session, &secret(&format!("k{n}"), &[n], None)).unwrap();
    }
    let ids = |after: &str, limit| -> Vec<String> {
        store.secrets(Session, after, limit).unwrap().into_iter().map(|found| found.id).collect()
    };
    assert_eq!(ids("ana", 2), ["k0", "k1"]);
    assert_eq!(ids("k1", 9), ["k2", "k3", "k4"]);

    store.put_secret(Session, &secret("later", b"s", Some(11))).unwrap();
    store.remove_expired_secrets(Time::from_millis(9)).unwrap();
    assert!(store.secret(Session, "ana").unwrap().is_some());
    store.remove_expired_secrets(Time::from_millis(10)).unwrap();
    assert_eq!(store.secret(Session, "ana").unwrap(), None);
    assert!(store.secret(Session, "later").unwrap().is_some());
    assert_eq!(store.secret(Password, "ana").unwrap(), Some(ana), "it never expires");
    assert!(store.remove_secret(Password, "ana").unwrap());
    assert!(!store.remove_secret(Password, "ana").unwrap());
}
