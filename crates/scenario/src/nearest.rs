//! "Did you mean": the known name that a misspelt word is closest to.

/// The name nearest to `text`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.chars().count() > LENGTH_MAX {
        return None;
    }
    names
        .into_iter()
        .filter(|name| name.len() <= LENGTH_MAX)
        .map(|name| (distance(&text.to_lowercase(), &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= tolerance(text, name))
        .map(|(_, name)| name)
}

/// The nearest name where there is one, else all of them.
pub(crate) fn did_you_mean<'a>(text: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(text, names.clone()) {
        return format!("did you mean `{name}`?");
    }
    let all: Vec<&str> = names.into_iter().collect();
    match all.len() {
        0 => "there is none to choose from".to_owned(),
        1 => format!("the only one is `{}`", all[0]),
        _ => format!("one of: {}", all.join(", ")),
    }
}

/// A third of the letters may be wrong, and a word that the name begins with counts as near.
fn tolerance(text: &str, name: &str) -> usize {
    let longer = text.chars().count().max(name.chars().count());
    if text.chars().count() >= 3 && name.to_lowercase().starts_with(&text.to_lowercase()) {
        return longer;
    }
    longer.div_ceil(3)
}

/// Letters to insert, delete, replace or swap with their neighbour to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (above[j - 1] + same).min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

/// Longer words are nobody's typing error, and comparing them costs their square.
const LENGTH_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["content", "cast", "check", "tracker"];
        assert_eq!(nearest("contnet", names), Some("content"));
        assert_eq!(nearest("Check", names), Some("check"));
        assert_eq!(nearest("track", names), Some("tracker"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(nearest(&"c".repeat(100_000), names), None);
    }

    #[test]
    fn without_a_near_name_all_are_listed() {
        assert_eq!(did_you_mean("x", ["seed", "leech"]), "one of: seed, leech");
        assert_eq!(did_you_mean("sed", ["seed", "leech"]), "did you mean `seed`?");
    }
}
