use super::*;
use crate::release::testing::{at, bytes, id, name, request, words};

fn parse(change: impl FnOnce(&mut Request)) -> Result<Request, Error> {
    let mut request = request();
    change(&mut request);
    Request::parse(&bytes(&request), &Limits::DEFAULT)
}

#[test]
fn a_request_is_read() {
    assert_eq!(parse(|_| {}), Ok(request()));
    assert!(parse(|request| request.measurements = None).is_ok(), "an artifact alone");
    assert!(parse(|request| request.artifacts.clear()).is_ok(), "measurements alone");
}

#[test]
fn requests_that_mean_nothing_or_two_things() {
    let nothing = |request: &mut Request| {
        request.artifacts.clear();
        request.measurements = None;
    };
    assert_eq!(parse(nothing), Err(Error::Empty));
    let (from, until) = (request().not_before, at(request().not_before.unix() - 1));
    assert_eq!(parse(|request| request.not_after = until), Err(Error::Window { from, until }));
    assert!(parse(|request| request.not_after = from).is_ok());
    let repeated = |what: &str| Err(Error::Repeated { what: what.to_owned() });
    let again = |request: &mut Request| request.artifacts.push(request.artifacts[0].clone());
    assert_eq!(parse(again), repeated("the artifact `linux.efi`"));
    let again = |request: &mut Request| request.sign.push(request.sign[0].clone());
    assert!(matches!(parse(again), Err(Error::Repeated { .. })));
    let again = |request: &mut Request| request.provenance.push(request.provenance[0]);
    assert!(matches!(parse(again), Err(Error::Repeated { .. })));
    // The same bytes by two keys are two signatures.
    let other_key = |request: &mut Request| {
        request.sign.push(ToSign { key: name("gateway-uki"), ..request.sign[0].clone() });
    };
    assert!(parse(other_key).is_ok());
}

#[test]
fn more_than_fits_is_refused() {
    let artifact = |at: usize| Artifact { name: words(&format!("a{at}")), ..request().artifacts[0].clone() };
    let many = |count: usize| parse(move |request| request.artifacts = (0..count).map(artifact).collect());
    assert!(many(64).is_ok());
    assert_eq!(many(65), Err(Error::TooMany { what: "artifacts", count: 65, most: 64 }));
    let many = parse(|request| request.provenance = (0..65).map(|at| id(&at.to_string())).collect());
    assert_eq!(many, Err(Error::TooMany { what: "statements of provenance", count: 65, most: 64 }));
}
