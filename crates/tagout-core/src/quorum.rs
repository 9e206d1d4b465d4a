//! Who must come together: distinct people, and so many of each group among them.

use std::collections::{BTreeMap, BTreeSet};

/// The fewest distinct people that can do where `quorum` must come together, and so many of each
/// group: a person fills one place, so the places of the groups may be more than the quorum.
///
/// ```
/// use std::collections::BTreeMap;
/// use tagout_core::quorum::least;
///
/// let groups = BTreeMap::from([("on-call".to_owned(), 1), ("database".to_owned(), 2)]);
/// assert_eq!((least(2, &groups), least(4, &groups)), (3, 4));
/// assert_eq!(least(0, &BTreeMap::new()), 1);
/// ```
#[must_use]
pub fn least(quorum: u32, groups: &BTreeMap<String, u32>) -> u32 {
    quorum.max(1).max(places(groups))
}

/// How many places these are together.
pub(crate) fn places(groups: &BTreeMap<String, u32>) -> u32 {
    groups.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// How many of each group are still missing if `people`, each with the groups they belong to,
/// are placed as well as they can be. A person fills one place: whoever is in two groups
/// counts for one of them, for the one that leaves the fewest places open.
///
/// ```
/// use std::collections::{BTreeMap, BTreeSet};
/// use tagout_core::quorum::missing;
///
/// let wanted = BTreeMap::from([("on-call".to_owned(), 1), ("database".to_owned(), 1)]);
/// let ana = BTreeSet::from(["on-call", "database"]);
/// let ben = BTreeSet::from(["on-call"]);
/// assert_eq!(missing(&wanted, &[ana.clone()]).len(), 1);
/// assert!(missing(&wanted, &[ana, ben]).is_empty());
/// ```
#[must_use]
pub fn missing(wanted: &BTreeMap<String, u32>, people: &[BTreeSet<&str>]) -> BTreeMap<String, u32> {
    let mut placed = vec![None; people.len()];
    let mut missing = BTreeMap::new();
    for (group, count) in wanted {
        // More places than people stay open whatever is tried.
        let tries = usize::try_from(*count).unwrap_or(usize::MAX).min(people.len());
        let filled = (0..tries).filter(|_| place(group, people, &mut placed, &mut BTreeSet::new()));
        let filled = u32::try_from(filled.count()).unwrap_or(u32::MAX);
        let open = count.saturating_sub(filled);
        if open > 0 {
            missing.insert(group.clone(), open);
        }
    }
    missing
}

/// Finds somebody for one more place of `group`; whoever has a place of another group may be
/// moved if somebody else can take that (an augmenting path of a bipartite matching).
fn place<'g>(
    group: &'g str,
    people: &[BTreeSet<&str>],
    placed: &mut Vec<Option<&'g str>>,
    tried: &mut BTreeSet<usize>,
) -> bool {
    for (at, groups) in people.iter().enumerate() {
        if !groups.contains(group) || !tried.insert(at) {
            continue;
        }
        let free = match placed.get(at).copied().flatten() {
            None => true,
            Some(other) => place(other, people, placed, tried),
        };
        if let (true, Some(place)) = (free, placed.get_mut(at)) {
            *place = Some(group);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(groups: &[(&str, u32)]) -> BTreeMap<String, u32> {
        groups.iter().map(|(group, count)| ((*group).to_owned(), *count)).collect()
    }

    fn open(groups: &[(&str, u32)], people: &[&[&str]]) -> u32 {
        let people: Vec<BTreeSet<&str>> =
            people.iter().map(|groups| groups.iter().copied().collect()).collect();
        missing(&wanted(groups), &people).values().sum()
    }

    #[test]
    fn a_person_in_two_groups_fills_one_place() {
        assert_eq!(open(&[("a", 1), ("b", 1)], &[&["a", "b"]]), 1);
        assert_eq!(open(&[("a", 1), ("b", 1)], &[&["a", "b"], &["a", "b"]]), 0);
        assert_eq!(open(&[("a", 2)], &[&["a", "b"]]), 1);
    }

    #[test]
    fn whoever_came_first_is_moved_where_somebody_else_can_take_the_place() {
        // Taken in order, the first person would fill "a" and leave "b" open.
        assert_eq!(open(&[("a", 1), ("b", 1)], &[&["a", "b"], &["a"]]), 0);
        let chain: &[&[&str]] = &[&["a", "b"], &["b", "c"], &["c", "d"], &["d", "a"], &["a"]];
        assert_eq!(open(&[("a", 2), ("b", 1), ("c", 1), ("d", 1)], chain), 0);
    }

    #[test]
    fn more_places_than_people_stay_open() {
        assert_eq!(open(&[("a", u32::MAX)], &[&["a"]]), u32::MAX - 1);
        assert_eq!(open(&[("a", 1)], &[]), 1);
    }

    /// Every way to place people, tried one by one.
    fn by_trying(places: &[&str], people: &[BTreeSet<&str>], used: u32) -> usize {
        let Some((first, rest)) = places.split_first() else { return 0 };
        let mut best = 1 + by_trying(rest, people, used);
        for (at, groups) in people.iter().enumerate() {
            if used & 1 << at == 0 && groups.contains(first) {
                best = best.min(by_trying(rest, people, used | 1 << at));
            }
        }
        best
    }

    #[test]
    fn no_other_placing_leaves_fewer_places_open() {
        let groups = ["a", "b", "c"];
        let sets = |bits: usize| -> BTreeSet<&str> {
            groups.iter().enumerate().filter(|(i, _)| bits & 1 << i != 0).map(|(_, g)| *g).collect()
        };
        for bits in 0..8 * 8 * 8 * 8 {
            let people: Vec<_> = (0..4).map(|i| sets(bits >> (3 * i) & 7)).collect();
            for wants in [[1, 1, 1], [2, 1, 0], [0, 2, 2], [3, 0, 1]] {
                let wanted: BTreeMap<String, u32> =
                    groups.iter().map(|g| (*g).to_owned()).zip(wants).collect();
                let places: Vec<&str> = groups
                    .iter()
                    .zip(wants)
                    .flat_map(|(g, n)| std::iter::repeat_n(*g, n as usize))
                    .collect();
                let open: u32 = missing(&wanted, &people).values().sum();
                assert_eq!(open as usize, by_trying(&places, &people, 0), "{people:?} {wants:?}");
            }
        }
    }
}
