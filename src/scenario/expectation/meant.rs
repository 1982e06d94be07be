//! Guesses the expectation that was meant by a line in the form of another language: `=~ "x"`, `after 30s`, `1% of x`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::grammar;
use crate::units;

/// A form of another language, and its form here.
struct Rewrite {
    form: Regex,
    with: fn(&Captures<'_>) -> String,
}

/// Returns the text in place of a match.
type Replacement = fn(&Captures<'_>) -> String;

/// The forms that are valid, in their order.
static REWRITES: LazyLock<Vec<Rewrite>> = LazyLock::new(|| {
    let compiled = forms().into_iter().filter_map(|(form, with)| {
        let form = Regex::new(&form).ok()?;
        Some(Rewrite { form, with })
    });
    compiled.collect()
});

/// Lists the forms in the order in which they are rewritten: text first, so that later ones do not change what is
/// between quotes.
fn forms() -> Vec<(String, Replacement)> {
    const QUOTED: &str = r#"(?:"([^"]*)"|'([^']*)')"#;
    const IS: &str = r"(?:\s+(?:is|are|must\s+be|should\s+be|stays))?\s+";
    let text = |operator: &str| format!(r"\s*(?:{operator})\s*{QUOTED}");
    vec![
        (r"^\s*(?:assert|expect|check|ensure|require|that)\b:?\s+".into(), |_| String::new()),
        (r"\s*[;.]\s*$".into(), |_| String::new()),
        (r"^\s*(?:not\s+|!\s*)\(?\s*([^<>=!()]+?)\s*(==|!=|<=|>=|<|>)\s*([^()]+?)\s*\)?\s*$".into(), |found| {
            format!("{} {} {}", &found[1], opposite(&found[2]), &found[3])
        }),
        // What would be text or a pattern, and a number that is only quoted.
        (r#"(==|!=|<=|>=|<|>|=)\s*["'](\d[\d._]*[A-Za-z%/]*)["']"#.into(), |found| {
            format!("{} {}", &found[1], &found[2])
        }),
        (r"first\(\s*([A-Za-z][\w.:-]*)\s*\)\s*==?\s*(?:never|none|nothing)\b".into(), |found| {
            format!("{} == 0", &found[1])
        }),
        (r"\b(?:sum|total|add)\(\s*([A-Za-z][\w.:-]*)\s*,\s*([A-Za-z][\w.:-]*)\s*\)".into(), |found| {
            format!("{} + {}", &found[1], &found[2])
        }),
        (r"([<>!])==+".into(), |found| format!("{}=", &found[1])),
        (r"\s*==?\s*(\d[^\s.-]*)\s*\.\.+\s*(\d\S*)".into(), |found| {
            format!(" in {}", range(&found[1], &found[2]))
        }),
        (r"\bp99[._]9\d?\(".into(), |_| "p999(".into()),
        (r"(==|!=|<=|>=|<|>)\s*\.(\d)".into(), |found| format!("{} 0.{}", &found[1], &found[2])),
        (r"\b0x([0-9A-Fa-f]{1,12})\b".into(), |found| {
            u64::from_str_radix(&found[1], 16).map_or_else(|_| found[0].to_owned(), |number| number.to_string())
        }),
        (
            concat!(
 r"(\d)\s+(?:conns?|connections?|requests?|reqs?|errors?|times|packets?|sockets?|entries|clients|",
 r"attempts|failures|replies|ports|drops)\b")
                .into(),
            |found| found[1].to_owned(),
        ),
        (text(r"does\s+not\s+contain|doesn't\s+contain|not\s+contains?|excludes|lacks"), |found| {
            format!(" !~ {}", literally(found))
        }),
        (text(r"contains?|includes?|has"), |found| format!(" ~ {}", literally(found))),
        (text(r"!~|!=~|!=|does\s+not\s+match|doesn't\s+match|not\s+like|not\s+matches"), |found| {
            format!(" !~ {}", slashes(found))
        }),
        (text(r"=~|~=|~|===?|=|matches|match|like|is"), |found| format!(" ~ {}", slashes(found))),
        (r"\s*(?:=~|~=|matches|==)\s*/".into(), |_| " ~ /".into()),
        (r"\s*(?:!=~|!=)\s*/".into(), |_| " !~ /".into()),
        (r"(\w)\[\s*['\x22]?([\w-]+)['\x22]?\s*\]".into(), |found| format!("{}.{}", &found[1], &found[2])),
        (r"([A-Za-z_])(?:->|::)([A-Za-z_])".into(), |found| format!("{}.{}", &found[1], &found[2])),
        (r"^\s*([A-Za-z_][\w.-]*)\s*:\s*([<>=!]=?.*)$".into(), |found| format!("{} {}", &found[1], &found[2])),
        (r"^\s*([A-Za-z_][\w.-]*)\s*:\s*(\S+)\s*$".into(), |found| format!("{} == {}", &found[1], &found[2])),
        // Numbers and units.
        (r"^\s*(\S+)\s+(?:is\s+)?within\s+(\S+%)\s+of\s+(\S+)".into(), |found| {
            format!("{} == {} ± {}", &found[1], &found[3], &found[2])
        }),
        (r"\b\d{1,3}(?:[,' ]\d{3})+\b".into(), |found| found[0].replace([',', '\'', ' '], "_")),
        (r"(\d)\s+(%|/)".into(), |found| format!("{}{}", &found[1], &found[2])),
        (
            r"(\d(?:[\d_.]*))\s*(per\s+[a-z]+|[A-Za-zµ]+(?:\s*(?:/|per)\s*[a-z]+)?)".into(),
            |found| {
                let written = format!("{}{}", &found[1], &found[2]);
                let spaced = found[0].to_owned();
                if units::parse_quantity(&written).is_ok() {
                    return written;
                }
                units::meant(&written).into_iter().next().unwrap_or(spaced)
            },
        ),
        (r"(\d[\d_.]*)\s*%\s*(?:of|\*)\s*".into(), |found| {
            let percent: f64 = found[1].replace('_', "").parse().unwrap_or(f64::NAN);
            format!("{} * ", percent / 100.0)
        }),
        // Approximations and ranges.
        (r"\s*(?:≈|~=|=~|~|is\s+about|about|approx(?:imately)?|roughly|around)\s*(\d\S*)".into(), |found| {
            format!(" == {} ± 5%", &found[1])
        }),
        (r"\bin\s*[\[(]\s*([^\s,]+?)\s*(?:,|;|-|to|\.\.+)\s*([^\s,]+?)\s*[\])]".into(), |found| {
            format!("in {}..{}", &found[1], &found[2])
        }),
        (r"^([^<>=!~]+?)\s+(?:is\s+)?between\s+(\S+)\s+(?:and|to)\s+(\S+)".into(), |found| {
            format!("{} in {}..{}", &found[1], &found[2], &found[3])
        }),
        (r"^([^<>=!~]+?)\s+in\s+(\d[^\s.-]*)\s*(?:-|–|to|and|\.\.\.+|\.\.=)\s*(\d\S*)".into(), |found| {
            format!("{} in {}", &found[1], range(&found[2], &found[3]))
        }),
        (r"^\s*(\S+)\s*<=?\s*(\S+)\s*<=?\s*(\S+)\s*$".into(), |found| {
            format!("{} in {}..{}", &found[2], &found[1], &found[3])
        }),
        (r"^\s*(\S+)\s*>=?\s*(\S+)\s*>=?\s*(\S+)\s*$".into(), |found| {
            format!("{} in {}..{}", &found[2], &found[3], &found[1])
        }),
        // Operators in words and of other languages.
        (format!(r"{IS}(?:at\s+least|no(?:t)?\s+less\s+than|-?ge)\s+|\s*(?:≥|=>)\s*"),
            |_| " >= ".into()),
        (format!(r"{IS}(?:at\s+most|no(?:t)?\s+more\s+than|up\s+to|-?le)\s+|\s*(?:≤|=<)\s*"),
            |_| " <= ".into()),
        (format!(r"{IS}(?:(?:greater|more|larger|higher)\s+than|above|over|exceeds|-?gt)\s+"),
            |_| " > ".into()),
        (format!(r"{IS}(?:(?:less|fewer|smaller|lower)\s+than|below|under|-?lt)\s+"),
            |_| " < ".into()),
        (r"\s+(?:is\s+not|isn't|does\s+not\s+equal|differs\s+from|-?ne)\s+|\s*(?:≠|<>|!==|~=)\s*".into(),
            |_| " != ".into()),
        (r"\s+(?:is\s+equal\s+to|equals|must\s+be|should\s+be|must\s+equal|is|are|-?eq)\s+|\s*===\s*".into(),
            |_| " == ".into()),
        (r"([^<>=!~\s])\s*=\s*([^=~<>\s])".into(), |found| format!("{} == {}", &found[1], &found[2])),
        (r"(==|!=|>|<|>=|<=)\s+(?:zero|none|nothing|never)\b".into(), |found| format!("{} 0", &found[1])),
        // Functions.
        (r"\b(?:percentile|quantile)\(\s*([A-Za-z][\w.-]*)\s*,\s*([\d.]+)\s*\)".into(), |found| {
            percentile(&found[2], &found[1])
        }),
        (r"\b(?:percentile|quantile)\(\s*([\d.]+)\s*,\s*([A-Za-z][\w.-]*)\s*\)".into(), |found| {
            percentile(&found[1], &found[2])
        }),
        (r"\b(max|min|mean|last|first|rate|p(?:50|90|95|999?))\s+(?:of\s+)?([A-Za-z][\w-]*\.[\w.-]+)".into(), |found| {
            format!("{}({})", &found[1], &found[2])
        }),
        // Windows.
        (r"\b(?:from|during|between|for)\s+(\d[^\s.-]*)\s*(?:-|–|to|until|till|and|\.\.\.+|\.\.=)\s*(\d\S*)\s*$".into(),
            |found| format!("during {}", range(&found[1], &found[2]))),
        (r"\s+(?:after|@|at\s+t\s*=)\s*(\d\S*)\s*$".into(), |found| format!(" at {}", &found[1])),
        (r"\s+(?:until|till|up\s+to)\s+(\d[^\s.]*)\s*$".into(), |found| format!(" during 0s..{}", &found[1])),
        (r"\s+(?:before|by|in|in\s+under|in\s+less\s+than)\s+(\d[^\s.]*)\s*$".into(),
            |found| format!(" within {}", &found[1])),
        (r"\s+for\s+(\d[^\s.]*)\s*$".into(), |found| format!(" during 0s..{}", &found[1])),
        (r"\s+(?:all\s+the\s+time|throughout|at\s+all\s+times|the\s+whole\s+time|continuously)\s*$".into(),
            |_| " always".into()),
        (r"\s+(?:at\s+the\s+end|in\s+the\s+end|at\s+end|finally)\s*$".into(), |_| String::new()),
        (r"\s+(?:eventually|at\s+some\s+point|some\s?time|soon|ever|once)\s*$".into(), |_| " within 5s".into()),
        (r"^\s*(always|never)\b[:,]?\s+(.+)$".into(), |found| format!("{} {}", &found[2], &found[1])),
        (r"^\s*(at|within|during)\s+(\d\S*?)[:,]?\s+(.+)$".into(), |found| {
            format!("{} {} {}", &found[3], &found[1], &found[2])
        }),
        (r"^\s*([A-Za-z][\w-]*)\s+([A-Za-z][\w.-]*)\s*(==|!=|<=|>=|<|>)".into(), |found| {
            format!("{}.{} {}", &found[1], &found[2], &found[3])
        }),
    ]
}

/// Returns the line in the form that is read here, if it can be guessed.
pub(super) fn meant(text: &str) -> Option<String> {
    let mut line = text.trim().to_owned();
    for rewrite in REWRITES.iter() {
        let after = rewrite
            .form
            .replace_all(&line, rewrite.with)
            .trim()
            .to_owned();
        if after == line {
            continue;
        }
        line = after;
        if grammar::reads(&line) {
            return Some(line);
        }
    }
    None
}

/// Returns the two expectations that were joined by `and`, `&&` or a comma.
pub(super) fn joined(text: &str) -> Option<[String; 2]> {
    static AND: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\s*(?:&&?|,|;|\band\b)\s*").ok());
    let mut places = AND.as_ref()?.find_iter(text);
    places.find_map(|place| {
        let parts = [&text[..place.start()], &text[place.end()..]];
        let [first, second] = parts.map(|part| {
            let part = part.trim();
            if grammar::reads(part) {
                Some(part.to_owned())
            } else {
                meant(part)
            }
        });
        Some([first?, second?])
    })
}

fn opposite(operator: &str) -> &'static str {
    match operator {
        "==" => "!=",
        "!=" => "==",
        "<" => ">=",
        "<=" => ">",
        ">" => "<=",
        _ => "<",
    }
}

/// Returns a range whose first moment has the unit of the second, if it has none.
fn range(from: &str, to: &str) -> String {
    let has_unit = from.ends_with(|letter: char| letter.is_alphabetic() || letter == '%');
    let unit = to
        .trim_start_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '_'));
    if has_unit {
        format!("{from}..{to}")
    } else {
        format!("{from}{unit}..{to}")
    }
}

fn percentile(written: &str, series: &str) -> String {
    match written {
        "50" | "0.5" | "0.50" | ".5" => format!("p50({series})"),
        "90" | "0.9" | "0.90" | ".9" => format!("p90({series})"),
        "95" | "0.95" | ".95" => format!("p95({series})"),
        "99.9" | "0.999" | ".999" => format!("p999({series})"),
        _ => format!("p99({series})"),
    }
}

/// Returns the quoted regular expression between slashes.
fn slashes(found: &Captures<'_>) -> String {
    format!("/{}/", quoted(found).replace('/', r"\/"))
}

/// Returns the quoted text as a regular expression between slashes that matches it literally.
fn literally(found: &Captures<'_>) -> String {
    format!("/{}/", regex::escape(quoted(found)).replace('/', r"\/"))
}

fn quoted<'t>(found: &Captures<'t>) -> &'t str {
    found
        .get(1)
        .or_else(|| found.get(2))
        .map_or("", |text| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_valid() {
        // An invalid one is left out, so the last must be there.
        assert_eq!(
            meant("never load.failed > 3").as_deref(),
            Some("load.failed > 3 never")
        );
        assert_eq!(REWRITES.len(), forms().len());
    }

    #[test]
    fn forms_of_other_languages_are_rewritten() {
        for (written, meant_line) in [
            (r#"kernel.log =~ "table full""#, "kernel.log ~ /table full/"),
            (r#"kernel.log =~ "a/b""#, r"kernel.log ~ /a\/b/"),
            ("kernel.log =~ /x/", "kernel.log ~ /x/"),
            (
                r#"ab.stdout contains "50% (x)""#,
                r"ab.stdout ~ /50% \(x\)/",
            ),
            (r#"ab.stdout does not contain "x""#, "ab.stdout !~ /x/"),
            ("ab.stdout != 'x'", "ab.stdout !~ /x/"),
            ("ab.stdout == 'x'", "ab.stdout ~ /x/"),
            ("load.attempted == 20,000", "load.attempted == 20_000"),
            ("load.attempted >= 1,234,567", "load.attempted >= 1_234_567"),
            ("users.failed: 0", "users.failed == 0"),
            ("users.failed: <= 5", "users.failed <= 5"),
            ("users.failed = 0", "users.failed == 0"),
            (r#"users.failed == "0""#, "users.failed == 0"),
            ("users failed == 0", "users.failed == 0"),
            ("users.failed >== 5", "users.failed >= 5"),
            ("users.failed == 5..9", "users.failed in 5..9"),
            ("users.failed == 40 conns", "users.failed == 40"),
            ("users.failed == 0x28", "users.failed == 40"),
            ("users.failed < .5", "users.failed < 0.5"),
            (
                "first(users.errors.ETIMEDOUT) == never",
                "users.errors.ETIMEDOUT == 0",
            ),
            (
                "sum(users.failed, users.established) == 40",
                "users.failed + users.established == 40",
            ),
            ("p99.9(users.latency) < 5ms", "p999(users.latency) < 5ms"),
            ("users.failed === 0", "users.failed == 0"),
            ("users.failed is 0", "users.failed == 0"),
            ("users.failed => 5", "users.failed >= 5"),
            ("users.failed ≥ 5", "users.failed >= 5"),
            ("users.failed <> 5", "users.failed != 5"),
            ("users.failed -eq 5", "users.failed == 5"),
            ("users.failed is at least 5", "users.failed >= 5"),
            ("users.failed should be less than 5", "users.failed < 5"),
            ("users.failed == 0 after 30s", "users.failed == 0 at 30s"),
            (
                "users.failed == 0 after 30 seconds",
                "users.failed == 0 at 30s",
            ),
            ("users.failed >= 1 before 5s", "users.failed >= 1 within 5s"),
            ("users.failed >= 1 in 5s", "users.failed >= 1 within 5s"),
            (
                "users.failed == 0 during 10-20s",
                "users.failed == 0 during 10s..20s",
            ),
            (
                "users.failed == 0 during 10s to 20s",
                "users.failed == 0 during 10s..20s",
            ),
            (
                "users.failed == 0 from 10s to 20s",
                "users.failed == 0 during 10s..20s",
            ),
            ("users.failed == 0 throughout", "users.failed == 0 always"),
            ("users.failed == 0 at the end", "users.failed == 0"),
            ("always users.failed == 0", "users.failed == 0 always"),
            ("at 30s: users.failed == 0", "users.failed == 0 at 30s"),
            (
                "users.failed <= 1% of users.attempted",
                "users.failed <= 0.01 * users.attempted",
            ),
            ("users.attempted ~ 1000", "users.attempted == 1000 ± 5%"),
            (
                "users.attempted within 2% of 1000",
                "users.attempted == 1000 ± 2%",
            ),
            (
                "users.attempted == 1000 ± 2 %",
                "users.attempted == 1000 ± 2%",
            ),
            ("5 < users.failed < 9", "users.failed in 5..9"),
            ("9 >= users.failed >= 5", "users.failed in 5..9"),
            ("users.failed between 5 and 9", "users.failed in 5..9"),
            ("users.failed in 5-9", "users.failed in 5..9"),
            ("users.failed in [5, 9]", "users.failed in 5..9"),
            ("users.errors[EMFILE] == 0", "users.errors.EMFILE == 0"),
            ("p99(users.latency) < 50 ms", "p99(users.latency) < 50ms"),
            (
                "p99(users.latency) < 50 milliseconds",
                "p99(users.latency) < 50ms",
            ),
            (
                "percentile(users.latency, 99) < 5ms",
                "p99(users.latency) < 5ms",
            ),
            ("max users.latency < 5ms", "max(users.latency) < 5ms"),
            (
                "rate(users.established) >= 800 per second",
                "rate(users.established) >= 800/s",
            ),
        ] {
            assert_eq!(meant(written).as_deref(), Some(meant_line), "{written}");
        }
        for nonsense in [
            "users.failed",
            "a b c",
            "",
            "users.failed == 5 parsecs",
            "== ==",
        ] {
            assert_eq!(meant(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn joined_expectations_are_separated() {
        let parts = joined("users.failed == 0 and users.attempted = 20").unwrap();
        assert_eq!(parts, ["users.failed == 0", "users.attempted == 20"]);
        assert_eq!(joined("users.failed == 0 and then"), None);
    }
}
