//! Passwords, and secrets that hold once in their place: kept as Argon2id hashes.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use tagout_core::approval::Person;
use tagout_core::limits;
use tagout_core::people::People;
use tagout_core::time::Time;

use crate::fault::Fault;
use crate::store::StoreError;
use crate::store::secrets::{Secret, SecretKind, Secrets};

/// Memory in KiB, passes and lanes:
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// Characters that cannot be taken for one another when they are read aloud or typed.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// What a person's password is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// A hash in the PHC string format,
    /// <https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>.
    hash: String,
    /// Which change added the person ([`tagout_core::people::Known::since`]): somebody of the
    /// same name who came later is somebody else.
    since: u64,
    /// Whether it holds once.
    pub one_time: bool,
    /// From when on it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

impl Kept {
    /// What `password` of a known person will be compared with. Slow, as it is meant to be.
    ///
    /// # Errors
    /// If the person is not known or the machine gives no random bytes.
    pub fn of(people: &People, person: &Person, password: &str) -> Result<Self, Fault> {
        let known = people.get(person);
        let known = known.ok_or_else(|| Fault::new(format!("{person} is not known")))?;
        let (hash, since) = (hash(password)?, known.since);
        Ok(Self { hash, since, one_time: false, expires_at: None })
    }

    /// The same as a secret that holds once, and not for ever.
    #[must_use]
    pub fn one_time(self, now: Time) -> Self {
        let expires_at = Some(now.after(limits::ONE_TIME_SECRET_LIFETIME));
        Self { one_time: true, expires_at, ..self }
    }

    /// What is kept for a person, if it is theirs.
    ///
    /// # Errors
    /// If the store fails or holds something else there.
    pub fn read(
        vault: &dyn Secrets,
        people: &People,
        person: &Person,
    ) -> Result<Option<Self>, StoreError> {
        let Some(known) = people.get(person) else { return Ok(None) };
        let Some(secret) = vault.secret(SecretKind::Password, person.name())? else {
            return Ok(None);
        };
        let kept: Self = serde_json::from_slice(&secret.value)
            .map_err(|_| StoreError::Damaged("a password's hash"))?;
        Ok(Some(kept).filter(|kept| kept.since == known.since))
    }

    /// Keeps it, in the place of what was kept before.
    ///
    /// # Errors
    /// If the store fails.
    pub fn put(&self, vault: &dyn Secrets, person: &Person) -> Result<(), StoreError> {
        vault.put_secret(SecretKind::Password, &self.secret(person)?)
    }

    /// Keeps it in the place of `before`, if that is still what is kept. Says whether it was:
    /// a secret that holds once does not hold twice.
    ///
    /// # Errors
    /// If the store fails.
    pub fn swap(
        &self,
        vault: &dyn Secrets,
        person: &Person,
        before: &Self,
    ) -> Result<bool, StoreError> {
        let before = before.secret(person)?.value;
        vault.swap_secret(SecretKind::Password, &self.secret(person)?, &before)
    }

    fn secret(&self, person: &Person) -> Result<Secret, StoreError> {
        let value = serde_json::to_vec(self);
        let value = value.map_err(|_| StoreError::Damaged("a password's hash"))?;
        // It stays when it has expired, so that it can be said why it does not hold.
        Ok(Secret { id: person.name().to_owned(), value, expires_at: None })
    }

    /// Whether this is the password. Slow.
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        verifies(password, &self.hash)
    }
}

/// As slow as [`Kept::fits`], for somebody who is not known or has no password: nobody learns
/// from the time it takes who is known.
pub fn fit_nobody(password: &str) {
    let _ =
        argon2().map(|argon2| argon2.hash_password_into(password.as_bytes(), NOBODY, &mut [0; 32]));
}

/// The salt of nobody's password.
const NOBODY: &[u8; 16] = b"tagout-nobody-01";

/// Why a password was not taken, in words for whoever chose it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Weak(String);

impl Weak {
    /// It is what they had.
    #[must_use]
    pub fn same() -> Self {
        Self("choose another password than the one you have".into())
    }
}

/// Whether somebody may choose this password: long enough to be no word, and not so long that
/// it is an attack. There are no other rules; they make passwords worse
/// (NIST SP 800-63B-4, section 3.1.1.2).
///
/// # Errors
/// What is wrong with it.
pub fn check(person: &Person, password: &str) -> Result<(), Weak> {
    let (least, most) = limits::PASSWORD_BYTES;
    let characters = password.chars().count();
    if characters < least || password.len() > most {
        let range = format!("a password has from {least} characters to {most} bytes");
        return Err(Weak(format!("{range}; take a few words that do not belong together")));
    }
    let different: std::collections::BTreeSet<char> = password.chars().collect();
    let lower = password.to_lowercase();
    let bare = lower.replace(person.name(), "");
    if different.len() < 5 || bare.chars().count() < least / 2 {
        return Err(Weak("this password is easily guessed; take another".into()));
    }
    Ok(())
}

/// A secret that nobody can guess and a person can type: 125 random bits.
///
/// # Errors
/// If the machine gives no random bytes.
pub fn made_up() -> Result<String, Fault> {
    let mut random = [0; 25];
    getrandom::fill(&mut random).map_err(|e| Fault::new(format!("no random bytes: {e}")))?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let groups: Vec<String> =
        random.chunks(5).map(|group| group.iter().map(letter).collect()).collect();
    Ok(groups.join("-"))
}

fn argon2() -> Result<Argon2<'static>, Fault> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(32));
    let params = params.map_err(|e| Fault::new(format!("Argon2: {e}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Fault> {
    let hash = argon2()?.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|e| Fault::new(format!("Argon2: {e}")))
}

fn verifies(password: &str, hash: &str) -> bool {
    let (Ok(argon2), Ok(hash)) = (argon2(), PasswordHash::new(hash)) else { return false };
    argon2.verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hashed_with_the_published_parameters_and_a_salt_of_its_own() {
        let (one, two) = (hash("correct horse battery").unwrap(), hash("correct horse battery"));
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(Ok(&one), two.as_ref());
        assert!(verifies("correct horse battery", &one));
        assert!(!verifies("correct horse batterx", &one));
        assert!(!verifies("", &one));
        for broken in ["", "correct horse battery", "$argon2id$v=19$m=19456,t=2,p=1$AAAA"] {
            assert!(!verifies("correct horse battery", broken), "{broken}");
        }
    }

    #[test]
    fn a_hash_of_the_reference_implementation_is_verified() {
        // printf password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 -e, as in
        // https://github.com/P-H-C/phc-winner-argon2/blob/master/src/test.c
        let theirs = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
                      $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verifies("password", theirs));
        assert!(!verifies("passwore", theirs));
    }

    #[test]
    fn a_password_has_a_least_and_a_greatest_length_and_no_other_rules_but_sense() {
        let ana = Person::new("ana").unwrap();
        let (least, most) = limits::PASSWORD_BYTES;
        let of = |n: usize| "abcdefg ".chars().cycle().take(n).collect::<String>();
        assert!(check(&ana, &of(least)).is_ok());
        assert!(check(&ana, &of(least - 1)).is_err());
        assert!(check(&ana, &of(most)).is_ok());
        assert!(check(&ana, &of(most + 1)).is_err());
        assert!(check(&ana, "éàüöñ ßçøåæþ").is_ok(), "characters count, not bytes");
        for guessed in ["aaaaaaaaaaaaaaaa", "1212121212121212", "anaanaanaanaana1"] {
            assert!(check(&ana, guessed).is_err(), "{guessed}");
        }
    }

    #[test]
    fn made_up_secrets_can_be_typed_and_are_never_the_same() {
        let made: std::collections::BTreeSet<String> =
            (0..100).map(|_| made_up().unwrap()).collect();
        assert_eq!(made.len(), 100);
        let ana = Person::new("ana").unwrap();
        for secret in made {
            assert_eq!(secret.len(), 29);
            assert!(secret.bytes().all(|b| b == b'-' || ALPHABET.contains(&b)), "{secret}");
            check(&ana, &secret).unwrap();
        }
    }
}
