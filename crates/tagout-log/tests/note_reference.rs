//! Keys and notes against a published implementation of C2SP `signed-note`.

use proptest::prelude::*;
use signed_note::{Note as TheirNote, StandardSigner, StandardVerifier, VerifierList};
use tagout_log::SignerKey;
use tagout_log::note::Note;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn each_side_reads_signs_and_verifies_what_the_other_writes(
        seed in any::<[u8; 32]>(),
        name in "[a-z]{1,8}(\\.[a-z]{2,5})?(/[a-z0-9-]{1,8})?",
        text in "([ -~äß€\u{1f600}]{0,30}\n){1,5}",
    ) {
        let ours = SignerKey::from_seed(&name, &seed).unwrap();
        let theirs = StandardSigner::new(&ours.to_secret_text()).unwrap();
        let their_verifier = StandardVerifier::new(&ours.verifier().to_string()).unwrap();
        let their_verifiers = VerifierList::new(vec![Box::new(their_verifier)]);

        let our_note = Note::sign(&text, &[&ours]).unwrap();
        let mut their_note = TheirNote::new(text.as_bytes(), &[]).unwrap();
        their_note.add_sigs(&[&theirs]).unwrap();
        prop_assert_eq!(our_note.to_string().into_bytes(), their_note.to_bytes());

        let read = TheirNote::from_bytes(our_note.to_string().as_bytes()).unwrap();
        let (verified, _) = read.verify(&their_verifiers).unwrap();
        prop_assert_eq!(verified.len(), 1);
        let read = Note::parse(&String::from_utf8(their_note.to_bytes()).unwrap()).unwrap();
        prop_assert!(read.verify(&[ours.verifier().clone()]).is_ok());
    }
}
