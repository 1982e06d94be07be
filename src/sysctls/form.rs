//! The values that a setting takes, as far as its form says; a kernel may refuse more.

use thiserror::Error;

/// The form of a setting's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Whole numbers, between `least` and `most` of them, each within the bounds.
    Numbers {
        /// The fewest numbers that the kernel takes.
        least: usize,
        /// The numbers that the setting has.
        most: usize,
        /// The smallest value, if there is one.
        low: Option<i64>,
        /// The greatest value, if there is one.
        high: Option<i64>,
        /// `s`, `ms`, `bytes`, `packets` and the like; empty for a plain number.
        unit: &'static str,
    },
    /// Two numbers, the first not above the second.
    #[expect(missing_docs, reason = "the names say it")]
    Range { low: i64, high: i64 },
    /// Ports and ranges of ports, `8080,9000-9100`; empty clears it.
    Ports,
    /// A single word.
    Word,
    /// Words with spaces between them.
    Words,
    /// Any text at all.
    Text,
}

/// A value that does not have the setting's form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{}", .problem, .meant.as_ref().map(|meant| format!("; write `{meant}`")).unwrap_or_default())]
pub struct FormError {
    problem: String,
    meant: Option<String>,
}

impl FormError {
    /// Returns the mistake; completes "`KEY` ...": "takes a whole number of seconds, not `30s`".
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Returns advice on what to write, if the intention is clear.
    pub fn help(&self) -> Option<String> {
        self.meant.as_ref().map(|meant| format!("write `{meant}`"))
    }
}

impl Form {
    /// Reads the column of the catalogue.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let (form, unit) = text.split_once(' ').unwrap_or((text, ""));
        let (name, bounds) = form.split_once(':').unwrap_or((form, ""));
        match name {
            "int" => {
                let (low, high) = match bounds.split_once("..") {
                    Some((low, high)) => (low.parse().ok(), high.parse().ok()),
                    None => (None, None),
                };
                Some(Self::Numbers {
                    least: 1,
                    most: 1,
                    low,
                    high,
                    unit,
                })
            }
            "ints" => {
                let (least, most) = bounds.split_once("..").unwrap_or((bounds, bounds));
                let (least, most) = (least.parse().ok()?, most.parse().ok()?);
                Some(Self::Numbers {
                    least,
                    most,
                    low: None,
                    high: None,
                    unit,
                })
            }
            "range" => {
                let (low, high) = bounds.split_once("..")?;
                Some(Self::Range {
                    low: low.parse().ok()?,
                    high: high.parse().ok()?,
                })
            }
            "ports" => Some(Self::Ports),
            "word" => Some(Self::Word),
            "words" => Some(Self::Words),
            "text" => Some(Self::Text),
            _ => None,
        }
    }

    /// Checks a value as it would be written to the setting.
    ///
    /// # Errors
    /// The way in which it does not have the form.
    pub fn check(&self, value: &str) -> Result<(), FormError> {
        if self.fits(value) {
            Ok(())
        } else {
            Err(self.error(value))
        }
    }

    fn fits(&self, value: &str) -> bool {
        let numbers = || -> Option<Vec<i64>> { value.split_whitespace().map(integer).collect() };
        match *self {
            Self::Numbers {
                least,
                most,
                low,
                high,
                ..
            } => {
                let inside = |number: &i64| {
                    low.is_none_or(|low| *number >= low) && high.is_none_or(|high| *number <= high)
                };
                numbers().is_some_and(|numbers| {
                    (least..=most).contains(&numbers.len()) && numbers.iter().all(inside)
                })
            }
            Self::Range { low, high } => match numbers().as_deref() {
                Some([first, last]) => low <= *first && first <= last && *last <= high,
                _ => false,
            },
            Self::Ports => {
                let port = |text: &str| text.trim().parse::<u16>().is_ok();
                let part = |text: &str| match text.split_once('-') {
                    Some((first, last)) => port(first) && port(last),
                    None => port(text),
                };
                value.trim().is_empty() || value.trim().split(',').all(part)
            }
            // The names that the kernel looks up (congestion controls, queueing disciplines) have small letters.
            Self::Word => {
                let is_name = |word: &str| {
                    word.contains(|letter: char| letter.is_ascii_lowercase())
                        && !word.contains(|letter: char| letter.is_ascii_uppercase())
                };
                let words: Vec<&str> = value.split_whitespace().collect();
                matches!(words[..], [word] if is_name(word))
            }
            Self::Words | Self::Text => true,
        }
    }

    /// The form in words: "a whole number of seconds from 0 to 255".
    pub fn in_words(&self) -> String {
        match *self {
            Self::Numbers {
                most,
                low,
                high,
                unit,
                ..
            } => {
                let unit = unit_in_words(unit);
                let subject = match most {
                    1 => format!("a whole number{unit}"),
                    _ => format!("{most} whole numbers{unit}"),
                };
                match (low, high) {
                    (Some(low), Some(high)) => format!("{subject} from {low} to {high}"),
                    (Some(low), None) => format!("{subject} from {low} up"),
                    _ => subject,
                }
            }
            Self::Range { low, high } => {
                format!("two whole numbers from {low} to {high}, the first not above the second")
            }
            Self::Ports => "ports and ranges of ports such as `8080,9000-9100`".to_owned(),
            Self::Word => "one name".to_owned(),
            Self::Words => "words with spaces between them".to_owned(),
            Self::Text => "a text".to_owned(),
        }
    }

    fn error(&self, value: &str) -> FormError {
        FormError {
            problem: format!("takes {}, not `{value}`", self.in_words()),
            meant: self.meant(value),
        }
    }

    /// The value that was probably meant.
    fn meant(&self, value: &str) -> Option<String> {
        match self {
            Self::Range { .. } => {
                let numbers: Vec<i64> = value
                    .split(['-', ',', ':', '.', ' ', '\t', '\u{2013}'])
                    .filter(|word| !word.is_empty() && *word != "to")
                    .map(integer)
                    .collect::<Option<_>>()?;
                let [first, last] = numbers[..] else {
                    return None;
                };
                let meant = format!("{} {}", first.min(last), first.max(last));
                self.fits(&meant).then_some(meant)
            }
            Self::Numbers { most: 1, unit, .. } => match value.trim().to_ascii_lowercase().as_str()
            {
                "yes" | "on" | "true" | "enable" | "enabled" => Some("1".to_owned()),
                "no" | "off" | "false" | "disable" | "disabled" => Some("0".to_owned()),
                text => grouped(text)
                    .or_else(|| in_unit(text, unit))
                    .or_else(|| thousands(text))
                    .map(|number| number.to_string())
                    .filter(|meant| self.fits(meant)),
            },
            Self::Numbers { .. } => {
                let numbers: Option<Vec<String>> = value
                    .split([',', ' ', '\t'])
                    .filter(|word| !word.is_empty())
                    .map(|word| integer(word).map(|number| number.to_string()))
                    .collect();
                numbers
                    .map(|numbers| numbers.join(" "))
                    .filter(|meant| meant != value)
            }
            // Names of congestion controls and queueing disciplines have small letters.
            Self::Word => {
                let lower = value.trim().to_ascii_lowercase();
                self.fits(&lower).then_some(lower)
            }
            Self::Ports | Self::Words | Self::Text => None,
        }
    }
}

/// A number as the kernel reads it: with a sign, decimal, `0x` or octal with a leading 0 (`strtol` with base 0).
fn integer(word: &str) -> Option<i64> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let number = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            i64::from_str_radix(digits, 8).ok()?
        }
        None if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().ok()?,
        None => return None,
    };
    Some(sign * number)
}

/// A number with marks between its thousands: `4_096`, `1,000,000`.
fn grouped(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.split(['_', ',', '\'']).collect();
    let digits = |part: &&str| part.bytes().all(|digit| digit.is_ascii_digit());
    let in_threes = parts.iter().skip(1).all(|part| part.len() == 3);
    let fits = parts.len() > 1 && in_threes && !parts[0].is_empty() && parts.iter().all(digits);
    fits.then(|| parts.concat().parse().ok()).flatten()
}

/// A number of things in thousands or millions, or with an exponent: `10k`, `1M`, `1e4`.
fn thousands(text: &str) -> Option<u64> {
    if let Some((digits, power)) = text.split_once('e') {
        let number: u64 = digits.parse().ok()?;
        return number.checked_mul(10_u64.checked_pow(power.parse().ok()?)?);
    }
    let factor = match text.chars().last()? {
        'k' => 1_000,
        'm' => 1_000_000,
        _ => return None,
    };
    text[..text.len() - 1]
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
}

/// A number with a unit, in the setting's own: `30s` of a setting in milliseconds is 30000.
fn in_unit(text: &str, unit: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let number: u64 = text[..end].parse().ok()?;
    let nanoseconds = |unit: &str| match unit {
        "ns" => Some(1),
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000_u64),
        "m" | "min" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    };
    let written = text[end..].trim();
    let bytes = |unit: &str| match unit.trim_end_matches("ib").trim_end_matches('b') {
        "k" => Some(1 << 10),
        "m" => Some(1 << 20),
        "g" => Some(1_u64 << 30),
        _ => None,
    };
    match unit {
        "bytes" => number.checked_mul(bytes(written)?),
        _ => Some(number.checked_mul(nanoseconds(written)?)? / nanoseconds(unit)?),
    }
}

fn unit_in_words(unit: &str) -> String {
    let words = match unit {
        "" => return String::new(),
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        other => other,
    };
    format!(" of {words}")
}

#[cfg(test)]
mod tests {
    use super::super::find;

    fn said(key: &str, value: &str) -> String {
        let form = find(key).unwrap().form;
        form.check(value)
            .map_or_else(|error| error.to_string(), |()| "fits".to_owned())
    }

    #[test]
    fn values_of_the_right_form_fit() {
        for (key, value) in [
            ("net.ipv4.ip_local_port_range", "1024 65000"),
            ("net.ipv4.ip_local_port_range", "1024\t65000"),
            ("net.ipv4.ip_local_reserved_ports", ""),
            ("net.ipv4.ip_local_reserved_ports", "8080,9000-9100"),
            ("net.ipv4.tcp_wmem", "4096 65536"),
            ("net.ipv4.tcp_fin_timeout", "0x1e"),
            ("net.ipv4.tcp_congestion_control", "bbr"),
            ("net.ipv6.conf.all.accept_dad", "-1"),
        ] {
            assert_eq!(said(key, value), "fits", "{key} = {value}");
        }
    }

    #[test]
    fn a_value_of_another_form_is_refused_with_what_was_meant() {
        for (key, value, meant) in [
            (
                "net.ipv4.ip_local_port_range",
                "20000-20999",
                "write `20000 20999`",
            ),
            (
                "net.ipv4.ip_local_port_range",
                "7",
                "takes two whole numbers",
            ),
            (
                "net.ipv4.ip_local_port_range",
                "60999 32768",
                "not above the second",
            ),
            (
                "net.ipv4.ip_local_port_range",
                "60999 32768",
                "write `32768 60999`",
            ),
            (
                "net.ipv4.ip_local_port_range",
                "20000..20999",
                "write `20000 20999`",
            ),
            ("net.ipv4.tcp_max_syn_backlog", "4_096", "write `4096`"),
            ("net.ipv4.tcp_max_syn_backlog", "10k", "write `10000`"),
            ("net.ipv4.tcp_max_syn_backlog", "1e4", "write `10000`"),
            ("net.ipv4.tcp_congestion_control", "BBR", "write `bbr`"),
            ("net.ipv4.ip_local_port_range", "0 70000", "from 1 to 65535"),
            ("net.ipv4.tcp_tw_reuse", "yes", "write `1`"),
            ("net.ipv4.tcp_fin_timeout", "30s", "write `30`"),
            ("net.ipv4.icmp_ratelimit", "1s", "write `1000`"),
            ("net.core.rmem_max", "16M", "write `16777216`"),
            (
                "net.ipv4.tcp_rmem",
                "4096,87380,16777216",
                "write `4096 87380 16777216`",
            ),
            ("net.ipv4.tcp_tw_reuse", "3", "from 0 to 2"),
            ("net.ipv4.tcp_congestion_control", "1", "takes one name"),
            (
                "net.ipv4.tcp_congestion_control",
                "cubic bbr",
                "takes one name",
            ),
            ("net.ipv4.tcp_congestion_control", "", "takes one name"),
            (
                "net.ipv4.ip_local_reserved_ports",
                "http",
                "ports and ranges",
            ),
        ] {
            let said = said(key, value);
            assert!(said.contains(meant), "{key} = {value}: {said}");
        }
    }
}
