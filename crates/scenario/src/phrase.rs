//! Small pieces of sentences.

use model::Time;

/// `a, b and c`.
pub(crate) fn list<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => "nobody".into(),
        [one] => one.as_ref().into(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// The same, cut short: `a, b, c and 12 more`.
pub(crate) fn some<T: AsRef<str>>(words: &[T]) -> String {
    if words.len() <= SHOWN_MAX {
        return list(words);
    }
    let shown: Vec<&str> = words[..SHOWN_MAX - 1].iter().map(AsRef::as_ref).collect();
    format!("{} and {} more", shown.join(", "), words.len() - shown.len())
}

/// `once`, `twice`, `3 times`.
pub(crate) fn times(n: u64) -> String {
    match n {
        0 => "not once".into(),
        1 => "once".into(),
        2 => "twice".into(),
        n => format!("{n} times"),
    }
}

/// A moment as people say it: `41.2 s`.
pub(crate) fn moment(at: Time) -> String {
    format!("{}.{} s", at.as_micros() / 1_000_000, at.as_micros() / 100_000 % 10)
}

const SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_speech() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(some(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d and 3 more");
    }

    #[test]
    fn moments_have_one_decimal() {
        assert_eq!(moment(Time::from_micros(41_250_000)), "41.2 s");
    }
}
