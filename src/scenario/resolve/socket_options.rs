//! Resolves socket options: their names, and their values in the units of the kernel.

use crate::scenario::document::{
    Bytes, Count, OPTIONS, OptionForm, OptionsDoc, ScalarValue, Switch, Timespan, Wrong,
};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::suggest;
use crate::scenario::workload::{OptionValue, Protocol, SocketOption};

/// Longest name of a congestion control (`TCP_CA_NAME_MAX`, Linux `include/net/tcp.h`, with its final zero).
const LONGEST_NAME: usize = 15;

/// Resolves the options of a server or client that speaks `protocol`.
pub(crate) fn options(
    written: Option<&OptionsDoc>,
    protocol: Protocol,
    cx: &mut Collector<'_>,
) -> Vec<SocketOption> {
    let mut resolved = Vec::new();
    for (name, value) in written.iter().flat_map(|options| &options.0.0) {
        let Some((known, form)) = OPTIONS.iter().find(|(known, _)| *known == name.value) else {
            report_unknown(&name.value, name.span, cx);
            continue;
        };
        if protocol == Protocol::Udp && known.starts_with("TCP_") {
            cx.error(name.span, format!("a UDP socket has no `{known}`"))
                .help("leave it out");
        }
        let Some(value) = value else { continue };
        match parse(&value.value.0, *form) {
            Ok(value) => resolved.push(SocketOption {
                name: name.value.clone(),
                value,
            }),
            Err((expected, wrong)) => {
                cx.error(
                    value.span,
                    format!(
                        "`{known}`: expected {expected}, found {}",
                        quoted(&value.value.0)
                    ),
                )
                .label(wrong.label)
                .help(wrong.help);
            }
        }
    }
    resolved
}

fn report_unknown(name: &str, span: crate::scenario::span::Span, cx: &mut Collector<'_>) {
    let upper = name.to_uppercase().replace('-', "_");
    let known = || OPTIONS.iter().map(|(known, _)| *known);
    let prefixed = ["SO_", "TCP_", "IP_"].map(|prefix| format!("{prefix}{upper}"));
    let meant = known()
        .find(|known| *known == upper || prefixed.iter().any(|name| name == known))
        .or_else(|| suggest::nearest(&upper, known()));
    let help = match meant {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "known options: {}",
            suggest::listed(&known().collect::<Vec<_>>())
        ),
    };
    cx.error(span, format!("unknown socket option {}", quoted(name)))
        .help(help);
}

fn parse(text: &str, form: OptionForm) -> Result<OptionValue, (&'static str, Wrong)> {
    fn of<T: ScalarValue>(text: &str) -> Result<T, (&'static str, Wrong)> {
        T::parse(text).map_err(|wrong| (T::WHAT, wrong))
    }
    let number: u128 = match form {
        OptionForm::Name => {
            let text = text.trim();
            let is_name = !text.is_empty() && text.len() <= LONGEST_NAME && text.is_ascii();
            return match is_name {
                true => Ok(OptionValue::Text(text.to_owned())),
                false => Err(("a name", Wrong::new("", "write it like `cubic`"))),
            };
        }
        OptionForm::Switch => match text.trim() {
            "0" => 0,
            "1" => 1,
            text => of::<Switch>(text)?.0.into(),
        },
        OptionForm::Millis => of::<Timespan>(text)?.0.as_millis(),
        OptionForm::Seconds => {
            let time = of::<Timespan>(text)?.0;
            if time.subsec_nanos() != 0 {
                let help = "the kernel takes whole seconds";
                return Err((
                    "a duration",
                    Wrong::new("not a whole number of seconds", help),
                ));
            }
            time.as_secs().into()
        }
        OptionForm::Bytes => of::<Bytes>(text)?.0.0.into(),
        OptionForm::Number => of::<Count>(text)?.0.into(),
    };
    i32::try_from(number).map(OptionValue::Number).map_err(|_| {
        (
            "a number of 31 bits",
            Wrong::new("it is too large", "the greatest value is 2147483647"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_units_of_the_kernel() {
        for (text, form, expected) in [
            ("5s", OptionForm::Millis, 5000),
            ("2m", OptionForm::Seconds, 120),
            ("0", OptionForm::Seconds, 0),
            ("64KiB", OptionForm::Bytes, 65_536),
            ("true", OptionForm::Switch, 1),
            ("0", OptionForm::Switch, 0),
            ("3", OptionForm::Number, 3),
        ] {
            let value = parse(text, form).unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(value, OptionValue::Number(expected), "{text}");
        }
        let name = parse("cubic", OptionForm::Name).unwrap_or_else(|_| panic!("cubic"));
        assert_eq!(name, OptionValue::Text("cubic".to_owned()));
        assert!(parse("1500ms", OptionForm::Seconds).is_err());
        assert!(parse("5TiB", OptionForm::Bytes).is_err());
    }
}
