//! Results as JUnit XML, which CI servers read.

use std::fmt::Write as _;

/// One scenario, as a test case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) seconds: f64,
    pub(crate) result: CaseResult,
}

/// What became of it. The text goes into the report.
#[derive(Debug)]
pub(crate) enum CaseResult {
    Passed,
    Failed(String),
    /// Unknown or unsupported.
    Skipped(String),
    /// The scenario is wrong, or the lab broke.
    Error(String),
}

/// The whole file.
pub(crate) fn junit(cases: &[Case]) -> String {
    let number = |wanted: fn(&CaseResult) -> bool| cases.iter().filter(|case| wanted(&case.result)).count();
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _infallible = writeln!(
        xml,
        "<testsuite name=\"swarmlab\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\">",
        cases.len(),
        number(|result| matches!(result, CaseResult::Failed(_))),
        number(|result| matches!(result, CaseResult::Error(_))),
        number(|result| matches!(result, CaseResult::Skipped(_))),
    );
    for case in cases {
        let open =
            format!("  <testcase classname=\"scenario\" name=\"{}\" time=\"{:.3}\"", escape(&case.name), case.seconds);
        let _infallible = match &case.result {
            CaseResult::Passed => writeln!(xml, "{open}/>"),
            CaseResult::Failed(text) => writeln!(xml, "{open}>{}</testcase>", element("failure", text)),
            CaseResult::Error(text) => writeln!(xml, "{open}>{}</testcase>", element("error", text)),
            CaseResult::Skipped(text) => writeln!(xml, "{open}>{}</testcase>", element("skipped", text)),
        };
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn element(name: &str, text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    format!("<{name} message=\"{}\">{}</{name}>", escape(first), escape(text))
}

/// XML 1.0 has no place for most control characters, escaped or not: they become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_text_whatever_is_in_it() {
        let xml = junit(&[
            Case { name: "a".into(), seconds: 1.5, result: CaseResult::Passed },
            Case { name: "b".into(), seconds: 0.0, result: CaseResult::Failed("1 < 2 & \"x\"\u{7}\nmore".into()) },
            Case { name: "c".into(), seconds: 0.0, result: CaseResult::Skipped("no NAT here".into()) },
        ]);
        assert!(xml.contains(r#"tests="3" failures="1" errors="0" skipped="1" time="1.500""#), "{xml}");
        assert!(xml.contains(r#"<failure message="1 &lt; 2 &amp; &quot;x&quot; ">"#), "{xml}");
        assert!(xml.ends_with("</testsuite>\n"));
    }
}
