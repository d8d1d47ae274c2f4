use super::*;

/// Signed by nobody: what is looked at here is what the payload may look like.
fn signed(payload: &V) -> V {
    let meta = map([(0, map([(0, text("maker"))]))]);
    let protected = map([(1, int(-35)), (3, text("application/rim+cbor")), (8, leaked(&meta))]);
    tag(18, array([leaked(&protected), map([]), leaked(payload), bytes(&[0; 96])]))
}

fn read(message: &V) -> Result<Corim<'static>, Error> {
    let bytes: &'static [u8] = Box::leak(encode(message).into_boxed_slice());
    SignedCorim::parse(bytes, &Limits::DEFAULT)?.unverified(&Limits::DEFAULT)
}

fn comid_now() -> V {
    reference(map([(2, array([sha256()]))]))
}

fn bare(content: V) -> V {
    map([(0, text("id")), (1, array([content]))])
}

/// As makers of network cards write them: tags 500 and 502 around it, none around the manifest, and the CoMID's inside its bytes.
fn older() -> V {
    bare(leaked(&tag(506, comid_now())))
}

#[test]
fn a_corim_of_an_older_draft_says_the_same() {
    let now = read(&signed(&corim(&comid_now()))).unwrap();
    assert_eq!(now.comids().count(), 1);
    for payload in [older(), tag(501, older()), bare(tag(506, leaked(&comid_now()))), corim(&comid_now())] {
        assert_eq!(read(&tag(502, signed(&payload))).as_ref(), Ok(&now));
        assert_eq!(read(&tag(500, tag(502, signed(&payload)))).as_ref(), Ok(&now));
    }
}

/// Without tag 502 nothing around the payload says that it is a CoRIM, so it has to.
#[test]
fn a45_a_payload_that_says_nowhere_that_it_is_a_corim() {
    for payload in [bare(tag(506, leaked(&comid_now()))), older()] {
        for message in [signed(&payload), tag(500, signed(&payload))] {
            assert_eq!(read(&message).unwrap_err().code(), "corim_type_unexpected");
        }
        assert_eq!(parse(&payload).unwrap_err().code(), "corim_type_unexpected");
    }
}

#[test]
fn a45_bytes_in_a_corim_that_say_nowhere_what_they_are() {
    let refused = |message: &V| assert_eq!(read(message).unwrap_err().code(), "corim_type_unexpected");
    refused(&signed(&tag(501, older())));
    for content in [comid_now(), tag(505, comid_now()), tag(501, comid_now()), tag(506, leaked(&comid_now()))]
    {
        refused(&tag(502, signed(&bare(leaked(&content)))));
    }
}
