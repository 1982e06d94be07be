//! Guesses the quantity that was meant by a text in another form: `800rps`, `0.8k/s`, `20,000`, `50 msec`, `10mbps`.

use super::written::{number_length, parse_quantity};

/// Words for units, in small letters, with the units that are read here.
const WORDS: &[(&[&str], &str)] = &[
    (
        &[
            "rps",
            "qps",
            "tps",
            "cps",
            "hz",
            "persecond",
            "persec",
            "pers",
            "/second",
            "/seconds",
            "/sec",
        ],
        "/s",
    ),
    (
        &[
            "req/s",
            "reqs/s",
            "request/s",
            "requests/s",
            "conn/s",
            "conns/s",
            "connections/s",
            "q/s",
            "queries/s",
        ],
        "/s",
    ),
    (
        &[
            "req/sec",
            "requests/sec",
            "conn/sec",
            "connections/sec",
            "requestspersecond",
            "connectionspersecond",
        ],
        "/s",
    ),
    (
        &[
            "rpm",
            "cpm",
            "perminute",
            "permin",
            "/minute",
            "req/min",
            "requests/min",
        ],
        "/min",
    ),
    (&["perhour", "/hour"], "/h"),
    (&["second", "seconds", "secs"], "s"),
    (
        &["msec", "msecs", "millis", "millisecond", "milliseconds"],
        "ms",
    ),
    (
        &["usec", "usecs", "micros", "microsecond", "microseconds"],
        "us",
    ),
    (
        &["nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"],
        "ns",
    ),
    (&["minute", "minutes", "mins"], "min"),
    (&["hour", "hours", "hr", "hrs"], "h"),
    (&["day", "days"], "d"),
    (&["byte", "bytes", "octets"], "B"),
    (&["kb", "kbyte", "kbytes"], "kB"),
    (&["mb", "mbyte", "mbytes"], "MB"),
    (&["gb", "gbyte", "gbytes"], "GB"),
    (&["kib", "ki"], "KiB"),
    (&["mib", "mi"], "MiB"),
    (&["gib", "gi"], "GiB"),
    (
        &[
            "kbps", "kbit/s", "kbits/s", "kbits", "kb/s", "kbitps", "kbit/sec",
        ],
        "kbit/s",
    ),
    (
        &[
            "mbps", "mbit/s", "mbits/s", "mbits", "mb/s", "mbitps", "mbit/sec", "mbit",
        ],
        "Mbit/s",
    ),
    (
        &[
            "gbps", "gbit/s", "gbits/s", "gbits", "gb/s", "gbitps", "gbit/sec", "gbit",
        ],
        "Gbit/s",
    ),
    (&["percent", "pct", "per cent"], "%"),
];

/// Prefixes of numbers, with their factors.
const THOUSANDS: &[(&str, f64)] = &[("k", 1e3), ("K", 1e3), ("M", 1e6)];

/// Returns the quantities that a text may have meant, in forms that can be read, the likeliest first.
pub(crate) fn meant(text: &str) -> Vec<String> {
    let written = text.trim();
    let text = without_separators(written);
    let length = number_length(&text);
    let (number, unit) = text.split_at(length);
    let Ok(value) = number.replace('_', "").parse::<f64>() else {
        return Vec::new();
    };
    let unit: String = unit.split_whitespace().collect();
    let mut forms = vec![format!("{number}{unit}")];
    forms.extend(in_words(&unit).map(|unit| format!("{number}{unit}")));
    for (prefix, factor) in THOUSANDS {
        if let Some(rest) = unit.strip_prefix(prefix) {
            let unit = if rest.is_empty() {
                Some("")
            } else {
                in_words(rest).or(time_of(rest))
            };
            forms.extend(unit.map(|unit| format!("{}{unit}", grouped(value * factor))));
        }
    }
    forms.retain(|form| form != written && parse_quantity(form).is_ok());
    forms
}

/// Replaces separators of thousands: `20,000` is `20_000`.
fn without_separators(text: &str) -> String {
    let digits = |part: &str| part.bytes().take_while(u8::is_ascii_digit).count();
    let first = digits(text);
    if first == 0 || first > 3 {
        return text.to_owned();
    }
    let (mut read, mut rest) = (text[..first].to_owned(), &text[first..]);
    while let Some(after) = rest
        .strip_prefix([',', '\'', ' '])
        .filter(|after| digits(after) == 3)
    {
        read.push('_');
        read.push_str(&after[..3]);
        rest = &after[3..];
    }
    read + rest
}

fn in_words(unit: &str) -> Option<&'static str> {
    let unit = unit.to_lowercase();
    let found = WORDS
        .iter()
        .find(|(words, _)| words.contains(&unit.as_str()));
    found.map(|(_, unit)| *unit)
}

fn time_of(unit: &str) -> Option<&'static str> {
    ["/s", "/min", "/h"]
        .into_iter()
        .find(|known| *known == unit)
}

/// Writes a number; a large whole one with `_` between thousands.
fn grouped(value: f64) -> String {
    let plain = value.to_string();
    if value < 10_000.0 || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return plain;
    }
    let mut grouped = String::new();
    for (at, digit) in plain.char_indices() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_units_are_understood() {
        for (written, form) in [
            ("800rps", "800/s"),
            ("0.8k/s", "800/s"),
            ("2krps", "2000/s"),
            ("800 per second", "800/s"),
            ("800 req/s", "800/s"),
            ("20,000", "20_000"),
            ("20,000/s", "20_000/s"),
            ("20k", "20_000"),
            ("50msec", "50ms"),
            ("5 seconds", "5s"),
            ("64kb", "64kB"),
            ("10mbps", "10Mbit/s"),
            ("5 percent", "5%"),
        ] {
            assert_eq!(
                meant(written).first().map(String::as_str),
                Some(form),
                "{written}"
            );
        }
        for nonsense in ["5parsecs", "soon", "", "5s"] {
            assert_eq!(meant(nonsense), Vec::<String>::new(), "{nonsense}");
        }
    }
}
