//! What the maker of a root of trust says of its software: a CoRIM (draft-ietf-rats-corim) of the profile for PSA
//! (draft-fdb-rats-psa-endorsements, section 3).

use super::{Error, RootOfTrust, Software, implementation, sha256, signer};
use crate::cbor::{array, bytes, map, number, tag, text};

const PROFILE: &str = "tag:arm.com,2025:psa#1.0.0";

impl RootOfTrust {
    /// The software that this one has now, as reference values. Nobody signed them.
    #[must_use]
    pub fn endorsements(&self) -> Vec<u8> {
        let class = map(&[(0, tag(560, &bytes(&implementation())))]);
        let measurements: Vec<_> = self.software.iter().map(Software::reference).collect();
        let triple = array(&[map(&[(0, class)]), array(&measurements)]);
        let comid = map(&[(1, map(&[(0, text("software"))])), (4, map(&[(0, array(&[triple]))]))]);
        let corim = [
            (0, text("root-of-trust")),
            (1, array(&[tag(506, &bytes(&comid))])),
            (3, tag(32, &text(PROFILE))),
        ];
        tag(501, &map(&corim))
    }

    /// The same, signed by its maker.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn signed_endorsements(&self, maker: &RootOfTrust) -> Result<Vec<u8>, Error> {
        // alg, content type, corim-meta with the signer's name.
        let meta = map(&[(0, map(&[(0, text("ACME"))]))]);
        let protected = map(&[(1, number(1, 6)), (3, text("application/rim+cbor")), (8, bytes(&meta))]);
        maker.sign1(&protected, &self.endorsements())
    }
}

impl Software {
    fn reference(&self) -> Vec<u8> {
        let digest = array(&[text("sha-256"), bytes(&sha256(&self.content))]);
        let values = [
            (0, map(&[(0, text(self.version))])),
            (2, array(&[digest])),
            (11, text(self.kind)),
            (13, array(&[tag(560, &bytes(&signer()))])),
        ];
        map(&[(0, text("psa.software-component")), (1, map(&values))])
    }
}
