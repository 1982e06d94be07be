//! Lines that parse, and lines that do not.

use super::*;

/// Returns the structure of a line, fully in parentheses.
fn shape(text: &str) -> String {
    let line = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let claim = match &line.claim {
        ClaimSyntax::Compare {
            left,
            op,
            right,
            tolerance,
        } => format!(
            "{} {} {}{}",
            expr(left),
            op.value,
            expr(right),
            tolerance
                .as_ref()
                .map(|tolerance| format!(" ± {}", &text[tolerance.range.clone()]))
                .unwrap_or_default()
        ),
        ClaimSyntax::In { value, low, high } => {
            format!("{} in {} to {}", expr(value), expr(low), expr(high))
        }
        ClaimSyntax::Matches {
            metric,
            regex,
            negated,
        } => format!("{} {negated} {}", expr(metric), regex.value),
    };
    let window = match &line.window {
        WindowSyntax::End => String::new(),
        WindowSyntax::At(time) => format!(" at {}", &text[time.range.clone()]),
        WindowSyntax::Within(time) => format!(" within {}", &text[time.range.clone()]),
        WindowSyntax::During(from, to) => {
            format!(
                " during {} to {}",
                &text[from.range.clone()],
                &text[to.range.clone()]
            )
        }
        WindowSyntax::Always => " always".to_owned(),
        WindowSyntax::Never => " never".to_owned(),
    };
    claim + &window
}

fn expr(expr_: &Expr) -> String {
    match &expr_.value {
        ExprKind::Number(Ok(quantity)) => format!("{}:{:?}", quantity.value, quantity.dimension),
        ExprKind::Number(Err(error)) => format!("<{error}>"),
        ExprKind::Path(path) => path.clone(),
        ExprKind::Call { function, of } => format!("{}({})", function.value, expr(of)),
        ExprKind::Binary { op, left, right } => format!("({} {op:?} {})", expr(left), expr(right)),
        ExprKind::Negate(inner) => format!("-{}", expr(inner)),
    }
}

#[test]
fn letters_outside_ascii_end_where_they_end() {
    assert_eq!(shape("a.b < 1µs"), "a.b < 0.000001:Time");
    assert_eq!(shape("a.b < 1µs always"), "a.b < 0.000001:Time always");
    assert_eq!(shape("k.log ~ /größe/"), "k.log false größe");
}

#[test]
fn a_dash_without_a_space_is_not_a_sign() {
    let wrong = parse("-load.failed == 0").unwrap_err();
    assert_eq!(wrong.message, "a space is missing after `-`");
    assert!(parse("-(a.b - c.d) == 0").is_ok());
}

#[test]
fn every_documented_form_parses() {
    for (text, expected) in [
        ("burst.established == 9", "burst.established == 9:Plain"),
        (
            "server.TcpExtListenOverflows >= 1 within 2s",
            "server.TcpExtListenOverflows >= 1:Plain within 2s",
        ),
        ("q.x == 1000 ± 2%", "q.x == 1000:Plain ± 2%"),
        ("q.x == 1000 +- 2%", "q.x == 1000:Plain ± 2%"),
        ("q.x == 1000 +/- 5", "q.x == 1000:Plain ± 5"),
        ("q.x==1000±2%", "q.x == 1000:Plain ± 2%"),
        (
            "first(load.errors.EADDRNOTAVAIL) in 9.5s..10.5s",
            "first(load.errors.EADDRNOTAVAIL) in 9.5:Time to 10.5:Time",
        ),
        ("x.y in 1..5", "x.y in 1:Plain to 5:Plain"),
        (
            "ab.stdout ~ /Complete requests: +50000/",
            "ab.stdout false Complete requests: +50000",
        ),
        (
            r"ab.stdout !~ /a\/b\d/ within 3s",
            r"ab.stdout true a/b\d within 3s",
        ),
        (
            "a.b == 1000 / 50/s",
            "a.b == (1000:Plain Divide 50:PerSecond)",
        ),
        (
            "a.b == 1000/50/s",
            "a.b == (1000:Plain Divide 50:PerSecond)",
        ),
        (
            "a.b - c.d * 2 > 1",
            "(a.b Subtract (c.d Multiply 2:Plain)) > 1:Plain",
        ),
        (
            "(a.b - c.d) * 2 > 1",
            "((a.b Subtract c.d) Multiply 2:Plain) > 1:Plain",
        ),
        (
            "a.in-flight -1 < 2",
            "(a.in-flight Subtract 1:Plain) < 2:Plain",
        ),
        ("a.x + -1 < 2", "(a.x Add -1:Plain) < 2:Plain"),
        ("a.x < 2 during 60s..70s", "a.x < 2:Plain during 60s to 70s"),
        ("a.x < 2 always", "a.x < 2:Plain always"),
        ("a.x > 2 never", "a.x > 2:Plain never"),
        ("a.x > 2 at 1m30s", "a.x > 2:Plain at 1m30s"),
        ("p99(load.latency) < 50ms", "p99(load.latency) < 0.05:Time"),
        (
            "a.throughput >= 10MiB/s",
            "a.throughput >= 10485760:BytesPerSecond",
        ),
        ("a.b / 10s > 5/s", "(a.b Divide 10:Time) > 5:PerSecond"),
        (
            "reuse.load.established > 2 * default.load.established",
            "reuse.load.established > (2:Plain Multiply default.load.established)",
        ),
        (
            "2*a.b>c.d/2",
            "(2:Plain Multiply a.b) > (c.d Divide 2:Plain)",
        ),
        ("rate(a.b) > 600/min", "rate(a.b) > 10:PerSecond"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn errors_name_the_place_and_the_expected_text() {
    for (text, at, expected) in [
        ("", 0, "expected a quantity"),
        ("a.b", 3, "expected one of `==`"),
        ("a.b = 5", 4, "expected one of `==`"),
        ("a.b == ", 7, "expected a quantity"),
        ("a.b == within 5s", 7, "expected a quantity"),
        ("a.b == 5 soon", 9, "unexpected `soon`; use `at`"),
        ("a.b == 5 && c.d == 6", 9, "unexpected `&&`"),
        ("1 < a.b < 5", 8, "unexpected `<`"),
        ("a.b in 5", 8, "expected `..`"),
        ("a.b ~ text", 6, "expected a regular expression"),
        ("a.b ~ /text", 6, "expected a regular expression"),
        ("(a.b + 1 == 2", 9, "expected `)`"),
        ("max(a.b == 2", 8, "expected `)`"),
        ("a.b == 2 within", 15, "expected a time"),
        ("a.b == 2 ± much", 12, "expected a tolerance"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.range.start, at, "{text}: {error:?}");
        assert!(error.message.starts_with(expected), "{text}: {error:?}");
    }
}

#[test]
fn neither_parentheses_nor_signs_exhaust_the_stack() {
    assert!(parse(&("(".repeat(1900) + "a.b == 1")).is_err());
    assert!(parse(&("-".repeat(1900) + "a.b == 1")).is_ok());
    assert!(parse(&format!("{}a.b == 1", "a.b + ".repeat(300))).is_ok());
    assert!(parse(&"x".repeat(3000)).is_err());
}
