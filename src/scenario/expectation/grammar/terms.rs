//! The terms of a claim: sums, products, calls, paths and numbers.

use super::*;

pub(super) fn sum(input: &mut Input<'_>) -> ModalResult<Expr> {
    binary(input, product, |input| {
        let op = preceded(
            blank,
            alt((
                literal("+").value(ArithmeticOp::Add),
                literal("-").value(ArithmeticOp::Subtract),
            )),
        )
        .parse_next(input)?;
        // `+-` and `+/-` are tolerances.
        let text: &str = input;
        if op == ArithmeticOp::Add && (text.starts_with('-') || text.starts_with("/-")) {
            return fail.parse_next(input);
        }
        Ok(op)
    })
}

pub(super) fn product(input: &mut Input<'_>) -> ModalResult<Expr> {
    binary(input, unary, |input| {
        token(alt((
            literal("*").value(ArithmeticOp::Multiply),
            literal("/").value(ArithmeticOp::Divide),
        )))
        .parse_next(input)
    })
}

/// Parses operands with operators between, grouped from the left.
pub(super) fn binary<'i>(
    input: &mut Input<'i>,
    mut operand: impl FnMut(&mut Input<'i>) -> ModalResult<Expr>,
    mut operator: impl FnMut(&mut Input<'i>) -> ModalResult<ArithmeticOp>,
) -> ModalResult<Expr> {
    let mut left = operand(input)?;
    while let Some(op) = opt(&mut operator).parse_next(input)? {
        let right = cut_err(&mut operand).parse_next(input)?;
        left = At {
            range: left.range.start..right.range.end,
            value: ExprKind::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right),
            },
        };
    }
    Ok(left)
}

pub(super) fn unary(input: &mut Input<'_>) -> ModalResult<Expr> {
    blank(input)?;
    let start = input.current_token_start();
    let signs: usize = repeat(0.., terminated(one_of('-'), blank)).parse_next(input)?;
    let inner = atom
        .context(expected("a quantity like `web.accepted` or `10s`"))
        .parse_next(input)?;
    if signs.is_multiple_of(2) {
        return Ok(inner);
    }
    Ok(At {
        range: start..inner.range.end,
        value: ExprKind::Negate(Box::new(inner)),
    })
}

pub(super) fn atom(input: &mut Input<'_>) -> ModalResult<Expr> {
    alt((
        number.map(|number| At {
            value: ExprKind::Number(number.value),
            range: number.range,
        }),
        call,
        path,
        delimited(
            (literal("("), blank),
            cut_err(sum),
            cut_err((blank, literal(")"))).context(expected("`)`")),
        ),
    ))
    .parse_next(input)
}

pub(super) fn call(input: &mut Input<'_>) -> ModalResult<Expr> {
    let start = input.current_token_start();
    let function =
        terminated(at(name.map(str::to_owned)), (blank, literal("("))).parse_next(input)?;
    let of = cut_err(sum).parse_next(input)?;
    cut_err((blank, literal(")")))
        .context(expected("`)`"))
        .parse_next(input)?;
    Ok(At {
        value: ExprKind::Call {
            function,
            of: Box::new(of),
        },
        range: start..input.previous_token_end(),
    })
}

pub(super) fn path(input: &mut Input<'_>) -> ModalResult<Expr> {
    /// Words that are not quantities.
    const KEYWORDS: [&str; 6] = ["at", "in", "within", "during", "always", "never"];
    let text: &str = input;
    let length = name_length(text, true);
    if length == 0 || KEYWORDS.contains(&&text[..length]) {
        return fail.parse_next(input);
    }
    at(winnow::token::take(length).map(|path: &str| ExprKind::Path(path.to_owned())))
        .parse_next(input)
}

pub(super) fn number(input: &mut Input<'_>) -> ModalResult<Number> {
    let text: &str = input;
    let length = units::quantity_length(text);
    if length == 0 {
        return fail.parse_next(input);
    }
    at(bytes(length).map(units::parse_quantity)).parse_next(input)
}
