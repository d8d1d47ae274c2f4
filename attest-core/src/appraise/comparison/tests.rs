//! Rows as text: `=` a row that is the same, `C` a changed one, a number so many same ones in one row.

use super::*;

fn row(relation: Relation) -> Row {
    let side = || {
        Some(Side {
            event: None,
            log: None,
            component: "c".into(),
            digest: String::new(),
            about: String::new(),
        })
    };
    Row { relation, golden: side(), device: side(), ..Row::folded(1) }
}

/// What is shown of these, and how many differences are not.
fn folded(rows: &str, mut budget: usize) -> (String, usize) {
    let mut builder = Builder::new(&mut budget);
    for relation in rows.chars() {
        builder.push(row(if relation == '=' { Relation::Same } else { Relation::Changed }));
    }
    let (rows, omitted) = builder.finish();
    let shown = rows.iter().map(|row| match row {
        Row { relation: Relation::Same, golden: None, device: None, count, .. } => count.to_string(),
        Row { relation: Relation::Same, count: 1, .. } => "=".to_owned(),
        _ => "C".to_owned(),
    });
    (shown.collect(), omitted)
}

#[test]
fn what_is_the_same_is_folded_but_beside_a_difference() {
    let cases = [
        ("", ""),
        ("====", "4"),
        ("C", "C"),
        ("=C", "=C"),
        ("==C", "1=C"),
        ("=====C", "4=C"),
        ("C=", "C="),
        ("C==", "C=1"),
        ("C====", "C=3"),
        ("CC", "CC"),
        ("C=C", "C=C"),
        ("C==C", "C==C"),
        ("C===C", "C=1=C"),
        ("C=====C", "C=3=C"),
        ("==C===C==", "1=C=1=C=1"),
    ];
    for (rows, expected) in cases {
        assert_eq!(folded(rows, 10), (expected.to_owned(), 0), "{rows}");
    }
}

#[test]
fn differences_beyond_the_budget_are_counted_and_nothing_is_shown_behind_them() {
    assert_eq!(folded("CC", 1), ("C".into(), 1));
    assert_eq!(folded("CCC", 1), ("C".into(), 2));
    assert_eq!(folded("C=C=", 1), ("C=".into(), 1));
    assert_eq!(folded("CC==", 1), ("C".into(), 1));
    assert_eq!(folded("=C", 0), (String::new(), 1));
    let mut left = 3;
    let mut builder = Builder::new(&mut left);
    builder.push(row(Relation::Changed));
    builder.push(row(Relation::Same));
    builder.finish();
    assert_eq!(left, 2, "only differences are counted");
    assert_eq!(budget(), Limits::DEFAULT.compared_rows);
}

#[test]
fn nothing_omitted_is_not_said() {
    let comparison = |omitted| Comparison {
        pcr: 4,
        bank: "sha256",
        golden: "boot".into(),
        proven: true,
        rows: Vec::new(),
        omitted,
    };
    let said = |omitted| serde_json::to_value(comparison(omitted)).unwrap().get("omitted").cloned();
    assert_eq!((said(0), said(3)), (None, Some(3.into())));
}

proptest::proptest! {
    #[test]
    fn every_row_is_counted_once(rows in "[=C]{0,40}") {
        let mut budget = 100;
        let mut builder = Builder::new(&mut budget);
        for relation in rows.chars() {
            builder.push(row(if relation == '=' { Relation::Same } else { Relation::Changed }));
        }
        let (shown, omitted) = builder.finish();
        proptest::prop_assert_eq!(shown.iter().map(|row| row.count).sum::<usize>(), rows.len());
        proptest::prop_assert_eq!(omitted, 0);
        // No two folded rows, and no folded row of nothing.
        proptest::prop_assert!(shown.iter().all(|row| row.count > 0));
    }
}
