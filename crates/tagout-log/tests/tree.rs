//! The tree and its proofs against a naive tree written from the text of RFC 6962, and
//! against a published implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof as TheirConsistency, InclusionProof as TheirInclusion};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tagout_log::proof::{ConsistencyProof, InclusionProof};
use tagout_log::tree::{leaf_hash, root_of};
use tagout_log::{Frontier, Hash};

fn sha256(parts: &[&[u8]]) -> Hash {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// MTH of RFC 6962, section 2.1.
fn naive_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => sha256(&[&[0], leaf]),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1], &naive_root(left), &naive_root(right)])
        }
    }
}

fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// PATH of RFC 6962, section 2.1.1.
fn naive_path(index: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - k, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962, section 2.1.2.
fn naive_subproof(from: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if from == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if from <= k {
        (naive_subproof(from, left, whole), naive_root(right))
    } else {
        (naive_subproof(from - k, right, false), naive_root(left))
    };
    path.push(sibling);
    path
}

fn hashes(leaves: &[Vec<u8>]) -> Vec<Hash> {
    leaves.iter().map(|leaf| leaf_hash(leaf)).collect()
}

fn inclusion(index: usize, leaves: &[Vec<u8>]) -> InclusionProof {
    let hashes = hashes(leaves);
    let subtree = |range: std::ops::Range<u64>| {
        Ok::<_, ()>(root_of(&hashes[range.start as usize..range.end as usize]))
    };
    InclusionProof::build(index as u64, leaves.len() as u64, subtree).unwrap().unwrap()
}

fn consistency(from: usize, leaves: &[Vec<u8>]) -> ConsistencyProof {
    let hashes = hashes(leaves);
    let subtree = |range: std::ops::Range<u64>| {
        Ok::<_, ()>(root_of(&hashes[range.start as usize..range.end as usize]))
    };
    ConsistencyProof::build(from as u64, leaves.len() as u64, subtree).unwrap().unwrap()
}

fn some_leaves() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 1..140)
}

proptest! {
    #[test]
    fn roots_and_proofs_are_those_of_the_naive_tree(
        leaves in some_leaves(), index in any::<prop::sample::Index>(), from in any::<prop::sample::Index>()
    ) {
        let root = naive_root(&leaves);
        prop_assert_eq!(root_of(&hashes(&leaves)), root);

        let index = index.index(leaves.len());
        let proof = inclusion(index, &leaves);
        prop_assert_eq!(&proof.path, &naive_path(index, &leaves));
        prop_assert_eq!(proof.verify(&leaf_hash(&leaves[index]), &root), Ok(()));

        let from = from.index(leaves.len() + 1);
        let older = naive_root(&leaves[..from]);
        let proof = consistency(from, &leaves);
        let expected = if from == 0 { vec![] } else { naive_subproof(from, &leaves, true) };
        prop_assert_eq!(&proof.path, &expected);
        prop_assert_eq!(proof.verify(&older, &root), Ok(()));
    }

    #[test]
    fn no_proof_survives_a_change(
        leaves in some_leaves(), at in any::<prop::sample::Index>(), bit in 0usize..256
    ) {
        let root = naive_root(&leaves);
        let flip = |mut hash: Hash| { hash[bit / 8] ^= 1 << (bit % 8); hash };
        let index = at.index(leaves.len());
        let (proof, leaf) = (inclusion(index, &leaves), leaf_hash(&leaves[index]));
        prop_assert!(proof.verify(&flip(leaf), &root).is_err());
        prop_assert!(proof.verify(&leaf, &flip(root)).is_err());
        for n in 0..proof.path.len() {
            let mut changed = proof.clone();
            changed.path[n] = flip(changed.path[n]);
            prop_assert!(changed.verify(&leaf, &root).is_err());
            let mut shorter = proof.clone();
            shorter.path.remove(n);
            prop_assert!(shorter.verify(&leaf, &root).is_err());
        }
        let mut longer = proof.clone();
        longer.path.push(root);
        prop_assert!(longer.verify(&leaf, &root).is_err());
        let beyond = InclusionProof { index: proof.size, ..proof };
        prop_assert!(beyond.verify(&leaf, &root).is_err());

        let from = at.index(leaves.len()) + 1;
        let (proof, older) = (consistency(from, &leaves), naive_root(&leaves[..from]));
        prop_assert!(proof.verify(&flip(older), &root).is_err());
        prop_assert!(proof.verify(&older, &flip(root)).is_err());
        for n in 0..proof.path.len() {
            let mut changed = proof.clone();
            changed.path[n] = flip(changed.path[n]);
            prop_assert!(changed.verify(&older, &root).is_err());
            let mut shorter = proof.clone();
            shorter.path.remove(n);
            prop_assert!(shorter.verify(&older, &root).is_err());
        }
        let mut longer = proof.clone();
        longer.path.push(root);
        prop_assert!(longer.verify(&older, &root).is_err());
    }

    #[test]
    fn a_published_implementation_agrees_on_roots_and_accepts_our_proofs(
        leaves in some_leaves(), index in any::<prop::sample::Index>(), from in any::<prop::sample::Index>()
    ) {
        let tree = |leaves: &[Vec<u8>]| {
            let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            leaves.iter().for_each(|leaf| tree.push(leaf.clone()));
            tree
        };
        let theirs = tree(&leaves);
        let their_root = theirs.root();
        let ours = Frontier::of(&hashes(&leaves));
        prop_assert_eq!(their_root.as_bytes().as_slice(), &ours.root());

        let index = index.index(leaves.len());
        let proof = inclusion(index, &leaves);
        let their_proof = theirs.prove_inclusion(index);
        prop_assert_eq!(their_proof.as_bytes(), proof.path.concat());
        let read = TheirInclusion::<Sha256>::from_bytes(proof.path.concat());
        prop_assert!(their_root.verify_inclusion(&leaves[index], index as u64, &read).is_ok());

        let from = from.index(leaves.len()) + 1;
        let proof = consistency(from, &leaves);
        let their_proof = theirs.prove_consistency(leaves.len() - from);
        // Between equal trees they still send one hash; RFC 9162 sends none.
        if from < leaves.len() {
            prop_assert_eq!(their_proof.as_bytes(), proof.path.concat());
            let read = TheirConsistency::<Sha256>::try_from_bytes(proof.path.concat()).unwrap();
            let older = tree(&leaves[..from]).root();
            prop_assert!(their_root.verify_consistency(&older, &read).is_ok());
        }
    }
}

#[test]
fn proofs_about_what_is_not_there_are_not_built() {
    let none = |_| -> Result<Hash, ()> { unreachable!("nothing needs to be hashed") };
    assert_eq!(InclusionProof::build(3, 3, none), Ok(None));
    assert_eq!(ConsistencyProof::build(4, 3, none), Ok(None));
}

#[test]
fn every_tree_extends_the_empty_one_and_itself_and_nothing_else_without_hashes() {
    let (empty, root, other) = (root_of(&[]), [1; 32], [2; 32]);
    let proof = |from, to| ConsistencyProof { from, to, path: vec![] };
    assert_eq!(proof(0, 5).verify(&empty, &root), Ok(()));
    assert!(proof(0, 5).verify(&other, &root).is_err());
    assert_eq!(proof(5, 5).verify(&root, &root), Ok(()));
    assert!(proof(5, 5).verify(&other, &root).is_err());
    assert!(proof(6, 5).verify(&root, &root).is_err());
    assert!(proof(4, 5).verify(&root, &root).is_err());
    assert!(proof(3, 5).verify(&root, &root).is_err());
}
