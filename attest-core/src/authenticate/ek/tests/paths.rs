//! Certificates that may stand above each other in many ways.

use super::*;

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn judged(maker: &Maker, intermediates: &[Vec<u8>]) -> Result<EndorsementKey, Error> {
    let leaf = maker.leaf(&leaf_params());
    let chain: Vec<&[u8]> = intermediates.iter().map(Vec::as_slice).collect();
    verify_ek(&maker.roots(), &leaf, &chain, &public(&maker.ek_public()), NOW, &LIMITS)
}

/// Each of the name that issued all of them.
fn circle(count: usize) -> Vec<Vec<u8>> {
    let keys: Vec<KeyPair> = (0..count).map(|_| key()).collect();
    let one = |nth: usize| {
        let above = Issuer::new(ca_params("CA"), &keys[(nth + 1) % count]);
        ca_params("CA").signed_by(&keys[nth], &above).unwrap().der().to_vec()
    };
    (0..count).map(one).collect()
}

#[test]
fn a47_certificates_that_may_all_stand_above_each_other() {
    let maker = Maker::new();
    let refused = Err(Error::ChainAmbiguous { limit: LIMITS.chain_steps });
    for count in 4..=LIMITS.intermediates {
        assert_eq!(judged(&maker, &circle(count)), refused, "{count}");
    }
    // Nor does one help that would lead to a root.
    let mut six = circle(5);
    six.insert(0, maker.intermediate(&ca_params("CA")));
    assert_eq!(judged(&maker, &six), refused);
    // Three are 15 ways, which are tried.
    assert_eq!(judged(&maker, &circle(3)), Err(Error::IssuerUnknown));
}

#[test]
fn a_bundle_that_repeats_its_certificates_is_one_way() {
    let maker = Maker::new();
    let (good, root) = (maker.intermediate(&ca_params("CA")), ca_params("Root").self_signed(&maker.root_key));
    let root = root.unwrap().der().to_vec();
    let bundle = [good.clone(), root.clone(), good.clone(), root.clone(), good, root];
    assert!(judged(&maker, &bundle).is_ok());
}

#[test]
fn real_chains_are_few_ways() {
    let maker = Maker::new();
    let good = maker.intermediate(&ca_params("CA"));
    // Six of one name and other keys by the same root: which is the right one shows when it is tried.
    let root = Issuer::new(ca_params("Root"), &maker.root_key);
    let stranger = || ca_params("CA").signed_by(&key(), &root).unwrap().der().to_vec();
    let mut strangers: Vec<Vec<u8>> = (0..5).map(|_| stranger()).collect();
    strangers.push(good);
    assert!(judged(&maker, &strangers).is_ok());
    // Three levels of which each is signed by two authorities, as where roots are renewed: two, four and eight ways.
    let pair = [key(), key()];
    let top = [key(), key()];
    let names = ["Top", "Middle", "CA"];
    let signed = |name: &str, own: &KeyPair, by: &str, above: &KeyPair| {
        ca_params(name).signed_by(own, &Issuer::new(ca_params(by), above)).unwrap().der().to_vec()
    };
    let levels = [
        signed(names[2], &maker.ca_key, names[1], &pair[1]),
        signed(names[2], &maker.ca_key, names[1], &pair[0]),
        signed(names[1], &pair[1], names[0], &top[1]),
        signed(names[1], &pair[0], names[0], &top[0]),
        signed(names[0], &top[1], "Root", &key()),
        signed(names[0], &top[0], "Root", &maker.root_key),
    ];
    assert!(judged(&maker, &levels).is_ok());
}
