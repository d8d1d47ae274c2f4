//! Tokens, whose bound is 64 KiB, and wrappers of all that a device sends.

use std::hint::black_box;

use attest_core::Limits;
use attest_core::evidence::Collection;
use attest_core::evidence::collection::{IMA_LIST, QUOTE};
use attest_core::evidence::eat::Token;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{MIB, Parser, Shape, bstr, digest, fill_list, filled, fixture, head, nested, tstr};

pub(super) const PARSERS: [Parser; 4] = [
    Parser { name: "token, CWT", shapes: cwts, read: token },
    Parser { name: "token, JWT", shapes: jwts, read: token },
    Parser { name: "collection, CBOR", shapes: collections, read: collection },
    Parser { name: "collection, JSON", shapes: json_collections, read: collection },
];

/// Bytes of claims that fit beside header and signature.
const CLAIMS: usize = (64 << 10) - 200;
/// The same where claims stand as base64.
const JSON_CLAIMS: usize = CLAIMS / 4 * 3 - 200;

fn token(bytes: &[u8]) -> Result<(), String> {
    black_box(Token::parse(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?);
    Ok(())
}

fn collection(bytes: &[u8]) -> Result<(), String> {
    black_box(Collection::parse(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?.evidence());
    Ok(())
}

/// COSE_Sign1, ES256, signed by nobody.
fn cwt(claims: &[u8]) -> Vec<u8> {
    [&[0xd2, 0x84, 0x43, 0xa1, 1, 0x26, 0xa0][..], &bstr(claims), &bstr(&[0; 64])].concat()
}

/// Claims of a nonce and of this map's entries.
fn claims(most: usize, of: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let nonce = [&[10][..], &bstr(&[0x5a; 32])].concat();
    filled(5, most, |nth| if nth == 0 { nonce.clone() } else { of(nth) })
}

/// Claims of a nonce and of one more, whose value may be so long.
fn one_claim(label: usize, value: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    [&[0xa2, 10][..], &bstr(&[0x5a; 32]), &head(0, label), &value(CLAIMS - 50)].concat()
}

/// PSA's claims (RFC 9783) with as many components as fit: a device of two has 400 bytes.
fn psa() -> Vec<u8> {
    let real = fixture("../../fuzz/seeds/claims/psa");
    let at = real.windows(4).position(|bytes| *bytes == [0x19, 0x09, 0x5f, 0x82]).expect("two components");
    let rest = real.windows(3).position(|bytes| *bytes == [0x19, 0x09, 0x60]).expect("the claim behind");
    let component = |nth: usize| {
        [
            &[0xa4, 1][..],
            &tstr(&format!("C{nth}")),
            &[2],
            &bstr(&digest(nth)),
            &[4],
            &tstr("1.2.3"),
            &[5],
            &bstr(&[0x51; 32]),
        ]
        .concat()
    };
    let components = filled(4, CLAIMS - real.len(), component);
    [&real[..at + 3], &components, &real[rest..]].concat()
}

fn cwts() -> Vec<Shape> {
    // Unknown labels of five bytes, sorted and not. As long as it takes for no more items than a token may have.
    let number = |nth: usize| [head(0, 70_000 + nth), bstr(&[7; 10])].concat();
    let submodules = |of: &dyn Fn(usize) -> Vec<u8>| {
        one_claim(266, |most| filled(5, most, |nth| [tstr(&format!("{nth:x}")), of(nth)].concat()))
    };
    let in_token = |inner: &[u8]| {
        cwt(&[&[0xa2, 10][..], &bstr(&[0x5a; 32]), &head(0, 266), &[0xa1, 0x61, b'a'], &bstr(inner)].concat())
    };
    let third = cwt(&claims(CLAIMS / 2, number));
    vec![
        ("PSA, many components", cwt(&psa())),
        ("many claims", cwt(&claims(CLAIMS, number))),
        (
            "many claims, descending",
            cwt(&claims(CLAIMS, |nth| [head(0, 90_000 - nth), bstr(&[7; 10])].concat())),
        ),
        (
            "many claims of text",
            cwt(&claims(CLAIMS, |nth| [tstr(&format!("{nth:08x}")), bstr(&[7; 6])].concat())),
        ),
        (
            "names alike but at their end",
            cwt(&claims(CLAIMS, |nth| [tstr(&format!("{}{nth:x}", "a".repeat(250))), vec![0]].concat())),
        ),
        (
            "a claim twice, at the end",
            cwt(&[filled(5, CLAIMS, |nth| [head(0, 90_000 - nth.min(4_000)), bstr(&[7; 10])].concat())]
                .concat()),
        ),
        ("smallest items", cwt(&one_claim(70_000, |most| filled(4, most, |_| bstr(&[7; 7]))))),
        (
            "arrays in arrays",
            cwt(&one_claim(70_000, |most| filled(4, most, |_| nested(11, &bstr(&[7; 84]))))),
        ),
        (
            "maps of one",
            cwt(&one_claim(70_000, |most| filled(4, most, |_| [&[0xa1, 0][..], &bstr(&[7; 22])].concat()))),
        ),
        ("text of control characters", cwt(&one_claim(271, |most| tstr(&"\u{1b}".repeat(most - 5))))),
        ("bytes", cwt(&one_claim(70_000, |most| bstr(&vec![0xff; most - 5])))),
        (
            "submodules of no claims",
            cwt(&one_claim(266, |most| {
                filled(5, most, |nth| [tstr(&format!("{nth:015x}")), vec![0xa0]].concat())
            })),
        ),
        ("submodules of digests", cwt(&submodules(&|nth| [&[0x82, 0x2f][..], &bstr(&digest(nth))].concat()))),
        ("tokens in tokens", in_token(&in_token(&in_token(&third)))),
        (
            "many tokens",
            cwt(&one_claim(266, |_| {
                filled(5, CLAIMS - 200, |nth| {
                    if nth < 8 {
                        [tstr(&format!("{nth}")), bstr(&cwt(&claims(7_500, number)))].concat()
                    } else {
                        vec![0; CLAIMS]
                    }
                })
            })),
        ),
        ("a header of many labels", {
            let header = filled(5, CLAIMS, |nth| if nth == 0 { vec![1, 0x26] } else { number(nth) });
            [&[0xd2, 0x84][..], &bstr(&header), &[0xa0, 0x41, 0xa0], &bstr(&[0; 64])].concat()
        }),
    ]
}

fn jwt(claims: &[u8]) -> Vec<u8> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = encode(br#"{"alg":"ES256","typ":"eat+jwt"}"#);
    [header, encode(claims), encode(&[0; 64])].join(".").into_bytes()
}

fn jwts() -> Vec<Shape> {
    const HEAD: &str = r#"{"eat_nonce":"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo""#;
    let members = |of: &dyn Fn(usize) -> String| jwt(&fill_list(JSON_CLAIMS, &format!("{HEAD},"), "}", of));
    let one = |name: &str, open: &str, close: &str, of: &dyn Fn(usize) -> String| {
        jwt(&fill_list(JSON_CLAIMS, &format!("{HEAD},\"{name}\":{open}"), &format!("{close}}}"), of))
    };
    let honest = |nth| {
        let (name, hash) = (format!("C{nth}"), URL_SAFE_NO_PAD.encode(digest(nth)));
        format!(
            r#""{name}":{{"swname":"{name}","swversion":["1.2.3"],"ueid":"AQEBAQEBAQE","hash":"{hash}"}}"#
        )
    };
    vec![
        ("many submodules", one("submods", "{", "}", &honest)),
        ("many claims", members(&|nth| format!(r#""{nth:08x}":0"#))),
        ("many claims, descending", members(&|nth| format!(r#""{:08x}":0"#, 1_000_000 - nth))),
        ("names alike but at their end", members(&|nth| format!(r#""{}{nth:x}":0"#, "a".repeat(250)))),
        ("names of escapes", members(&|nth| format!(r#""{}{nth:x}":0"#, "\\u001b".repeat(10)))),
        ("smallest items", one("a", "[", "]", &|_| "12345".into())),
        ("numbers with fractions", one("a", "[", "]", &|nth| format!("{nth}.1234567890123456789e-300"))),
        (
            "arrays in arrays",
            one("a", "[", "]", &|_| format!("{}\"{}\"{}", "[".repeat(12), "a".repeat(54), "]".repeat(12))),
        ),
        ("objects of one", one("a", "[", "]", &|_| r#"{"":1234567890123}"#.into())),
        ("text of escapes", one("swname", "\"", "\"", &|_| "\\u001b".into())),
        ("submodules of no claims", one("submods", "{", "}", &|nth| format!(r#""{nth:08x}":{{}}"#))),
        ("blanks", jwt(&[HEAD.as_bytes(), &vec![b' '; JSON_CLAIMS - 100], b"}"].concat())),
    ]
}

fn record(kind: &str, content: &[u8]) -> Vec<u8> {
    [vec![0x82], tstr(kind), bstr(content)].concat()
}

fn collected(messages: &[Vec<u8>]) -> Vec<u8> {
    let records =
        messages.iter().enumerate().map(|(nth, message)| [tstr(&format!("{nth}")), message.clone()].concat());
    [head(5, messages.len()), records.collect::<Vec<_>>().concat()].concat()
}

fn json_record(kind: &str, content: &[u8]) -> String {
    format!(r#"["{kind}","{}"]"#, URL_SAFE_NO_PAD.encode(content))
}

const CWT: &str = "application/eat+cwt";
const JWT: &str = "application/eat+jwt";
const CMW: &str = "application/cmw+cbor";
const CMW_JSON: &str = "application/cmw+json";

/// A token of so many bytes, of the claims that cost most to read in `cwts` and `jwts`.
fn worst(most: usize) -> Vec<u8> {
    cwt(&claims(most, |nth| [head(0, 70_000 + nth), bstr(&[7; 10])].concat()))
}

fn collections() -> Vec<Shape> {
    let quote = record(QUOTE, &[0, 1, 0, 0]);
    let list = |size: usize| record(IMA_LIST, &vec![7; size]);
    let many = |message: &[u8]| collected(&vec![message.to_vec(); 16]);
    let wrapped =
        (0..2).fold(collected(&[quote.clone(), list(MIB)]), |inner, _| collected(&[record(CMW, &inner)]));
    let honest = cwt(&psa());
    vec![
        ("16 tokens, PSA", many(&record(CWT, &honest))),
        ("a quote and a list", collected(&[quote, list(MIB)])),
        ("wrappers in wrappers", wrapped),
        ("16 tokens, many claims", many(&record(CWT, &worst(CLAIMS)))),
        ("16 tokens of JSON, many claims", {
            let claims = fill_list(JSON_CLAIMS, r#"{"eat_nonce":"WlpaWlpaWlo","#, "}", |nth| {
                format!(r#""{nth:08x}":0"#)
            });
            many(&record(JWT, &jwt(&claims)))
        }),
        ("many labels", filled(5, MIB, |nth| [tstr(&format!("{nth:x}")), record(CWT, b"")].concat())),
        ("smallest items", filled(4, MIB, |_| vec![0])),
        ("long labels", [vec![0xa1], tstr(&"\u{1b}".repeat(MIB)), record(CWT, b"")].concat()),
    ]
}

fn json_collections() -> Vec<Shape> {
    let object = |records: &[String]| {
        let members = records.iter().enumerate().map(|(nth, record)| format!("\"{nth}\":{record}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()
    };
    let quote = json_record(QUOTE, &[0, 1, 0, 0]);
    let list = |size: usize| json_record(IMA_LIST, &vec![7; size]);
    let wrapped = |size| {
        (0..2).fold(object(&[quote.clone(), list(size)]), |inner, _| object(&[json_record(CMW_JSON, &inner)]))
    };
    let claims =
        fill_list(JSON_CLAIMS, r#"{"eat_nonce":"WlpaWlpaWlo","#, "}", |nth| format!(r#""{nth:08x}":0"#));
    vec![
        ("12 tokens, PSA", object(&vec![json_record(CWT, &cwt(&psa())); 12])),
        ("a quote and a list", object(&[quote.clone(), list(MIB / 4 * 3)])),
        ("wrappers in wrappers", wrapped(MIB * 27 / 64)),
        ("12 tokens, many claims", object(&vec![json_record(CWT, &worst(CLAIMS)); 12])),
        ("12 tokens of JSON, many claims", object(&vec![json_record(JWT, &jwt(&claims)); 12])),
        ("many labels", fill_list(MIB, "{", "}", |nth| format!(r#""{nth:x}":["{CWT}",""]"#))),
        ("smallest items", fill_list(MIB, "[", "]", |_| "0".into())),
        ("escapes", format!(r#"{{"{}":["{CWT}",""]}}"#, "\\u001b".repeat(MIB / 6)).into_bytes()),
        ("blanks", [b"{", &vec![b' '; MIB][..], b"}"].concat()),
        ("brackets", vec![b'['; MIB]),
    ]
}
