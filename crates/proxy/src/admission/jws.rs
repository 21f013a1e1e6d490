//! Signed claims in compact form (RFC 7515, 7518, 8037): `header.claims.signature`, each in base64url without padding.
//!
//! The algorithm belongs to the key: what a token says of its own only ever excludes keys. Signatures are ring's, which
//! compares in constant time. Base64 is read strictly, so that no two texts are the same token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;
use ring::hmac;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256: who checks can also sign.
    HS256,
    /// RSA as in PKCS #1 1.5, with SHA-256 and 2048 to 8192 bits.
    RS256,
    /// RSA-PSS, with SHA-256 and 2048 to 8192 bits.
    PS256,
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A key that checks signatures of one algorithm.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(hmac::Key),
    /// As ring takes it: a point, or an RSA key in PKCS #1.
    Public(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

/// A token as it came, in its parts; nothing of it is trusted.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    pub(crate) algorithm: Algorithm,
    /// The key that it says to be signed with.
    pub(crate) kid: Option<String>,
    claims: Vec<u8>,
    signed: &'t str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    /// Extensions that must be understood: there are none that are.
    crit: Option<serde::de::IgnoredAny>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart; none if it is none, or one of an algorithm that no key has.
    pub(crate) fn read(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.crit.is_some() {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { algorithm: header.alg, kid: header.kid, claims, signed, signature })
    }

    /// Whether a key made the signature; false too if the token names another algorithm than the key's.
    pub(crate) fn is_signed_by(&self, key: &Key) -> bool {
        let (signed, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        key.algorithm == self.algorithm
            && match &key.material {
                Material::Secret(secret) => hmac::verify(secret, signed, signature).is_ok(),
                Material::Public(bytes) => {
                    let Some(way) = way(key.algorithm) else { return false };
                    UnparsedPublicKey::new(way, bytes).verify(signed, signature).is_ok()
                }
                Material::Rsa(components) => {
                    let way = match key.algorithm {
                        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
                        Algorithm::HS256 | Algorithm::ES256 | Algorithm::EdDsa => return false,
                    };
                    components.verify(way, signed, signature).is_ok()
                }
            }
    }

    /// What it claims; none if that is not of this shape.
    pub(crate) fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.claims).ok()
    }
}

/// Signs claims with HMAC.
pub(crate) fn sign(claims: &impl Serialize, kid: &str, secret: &hmac::Key) -> serde_json::Result<String> {
    let header = serde_json::json!({ "alg": "HS256", "kid": kid, "typ": "JWT" });
    let encode = |json: String| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", encode(header.to_string()), encode(serde_json::to_string(claims)?));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(secret, signed.as_bytes()));
    Ok(format!("{signed}.{signature}"))
}

impl Key {
    /// A secret of at least 32 bytes, for [`Algorithm::HS256`].
    pub(crate) fn secret(secret: &[u8]) -> Self {
        let material = Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self { algorithm: Algorithm::HS256, material }
    }

    /// A public key in PEM (`PUBLIC KEY`) or as a JWK (RFC 7517) of its own.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn public(algorithm: Algorithm, text: &str) -> Result<Self, &'static str> {
        let material = if text.trim_start().starts_with('{') {
            of_jwk(algorithm, text)
        } else {
            of_pem(algorithm, text)
        };
        Ok(Self { algorithm, material: material? })
    }
}

impl fmt::Debug for Key {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Whether a text holds the private half of a key, which has no business here.
pub(crate) fn is_private(text: &str) -> bool {
    let has_private_parts = |jwk: Jwk| jwk.d.is_some() || jwk.k.is_some();
    text.contains("PRIVATE KEY") || serde_json::from_str(text).is_ok_and(has_private_parts)
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Private parts.
    d: Option<String>,
    k: Option<String>,
}

fn of_jwk(algorithm: Algorithm, text: &str) -> Result<Material, &'static str> {
    let jwk: Jwk = serde_json::from_str(text).map_err(|_| "a JWK: a JSON object with `kty`")?;
    let bytes = |part: &Option<String>| {
        let part = part.as_ref().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        part.ok_or("a JWK whose numbers are in base64url")
    };
    match (algorithm, jwk.kty.as_str(), jwk.crv.as_deref()) {
        (Algorithm::RS256 | Algorithm::PS256, "RSA", _) => {
            let (n, e) = (bytes(&jwk.n)?, bytes(&jwk.e)?);
            if n.len() < LEAST_RSA_BYTES {
                return Err("an RSA key of at least 2048 bits");
            }
            Ok(Material::Rsa(RsaPublicKeyComponents { n, e }))
        }
        (Algorithm::ES256, "EC", Some("P-256")) => {
            point([vec![UNCOMPRESSED], bytes(&jwk.x)?, bytes(&jwk.y)?].concat())
        }
        (Algorithm::EdDsa, "OKP", Some("Ed25519")) => edwards(bytes(&jwk.x)?),
        _ => Err(OTHER_ALGORITHM),
    }
}

fn of_pem(algorithm: Algorithm, text: &str) -> Result<Material, &'static str> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
        .map_err(|_| "PEM that begins with -----BEGIN PUBLIC KEY-----, or a JWK")?;
    let info = SubjectPublicKeyInfoRef::try_from(der.as_ref()).map_err(|_| "a public key within the PEM")?;
    let bytes = info.subject_public_key.raw_bytes().to_vec();
    match (algorithm, info.algorithm.oid) {
        (Algorithm::RS256 | Algorithm::PS256, RSA) if bytes.len() < LEAST_RSA_BYTES => {
            Err("an RSA key of at least 2048 bits")
        }
        (Algorithm::RS256 | Algorithm::PS256, RSA) => Ok(Material::Public(bytes)),
        (Algorithm::ES256, EC) if info.algorithm.parameters_oid() == Ok(P_256) => point(bytes),
        (Algorithm::EdDsa, ED25519) => edwards(bytes),
        _ => Err(OTHER_ALGORITHM),
    }
}

fn point(bytes: Vec<u8>) -> Result<Material, &'static str> {
    let fits = bytes.len() == 65 && bytes[0] == UNCOMPRESSED;
    if fits { Ok(Material::Public(bytes)) } else { Err("an uncompressed point on P-256") }
}

fn edwards(bytes: Vec<u8>) -> Result<Material, &'static str> {
    if bytes.len() == 32 { Ok(Material::Public(bytes)) } else { Err("an Ed25519 key of 32 bytes") }
}

fn way(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::HS256 => None,
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::ES256 => Some(&signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::EdDsa => Some(&signature::ED25519),
    }
}

const OTHER_ALGORITHM: &str = "a key of the algorithm that stands beside it";
const UNCOMPRESSED: u8 = 4;
const LEAST_RSA_BYTES: usize = 256;
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Tokens that Node's OpenSSL signed.
    fn tokens() -> Value {
        serde_json::from_str(include_str!("../../tests/keys/tokens.json")).unwrap()
    }

    #[test]
    fn reads_what_openssl_signed_by_both_writings_of_the_key_and_by_no_other() {
        let tokens = tokens();
        let keys: Vec<_> = ["RS256", "PS256", "ES256", "EdDSA"]
            .into_iter()
            .flat_map(|name| {
                let algorithm = serde_json::from_value(name.into()).unwrap();
                let key = &tokens[name];
                let pem = Key::public(algorithm, key["pem"].as_str().unwrap()).unwrap();
                let jwk = Key::public(algorithm, &key["jwk"].to_string()).unwrap();
                [(name, pem), (name, jwk)]
            })
            .collect();
        for (name, entry) in tokens.as_object().unwrap() {
            let jws = Jws::read(entry["token"].as_str().unwrap()).unwrap();
            assert_eq!(jws.kid.unwrap(), name.to_lowercase());
            let jws = Jws::read(entry["token"].as_str().unwrap()).unwrap();
            assert_eq!(jws.claims::<Value>().unwrap()["sub"], "ada");
            for (key_name, key) in &keys {
                assert_eq!(jws.is_signed_by(key), key_name == name, "{name} by {key_name}");
            }
        }
    }

    #[test]
    fn a_public_key_is_no_secret_and_no_algorithm_is_taken_from_the_token() {
        let pem = tokens()["EdDSA"]["pem"].as_str().unwrap().to_owned();
        let key = Key::public(Algorithm::EdDsa, &pem).unwrap();
        let forged = sign(&json!({}), "k", &hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes())).unwrap();
        assert!(!Jws::read(&forged).unwrap().is_signed_by(&key));
        let header = |header: Value| format!("{}.e30.", URL_SAFE_NO_PAD.encode(header.to_string()));
        for unread in [
            header(json!({ "alg": "none" })),
            header(json!({ "alg": "HS512" })),
            header(json!({ "alg": "HS256", "crit": ["b64"] })),
            header(json!({})),
            "a.b".into(),
            "..".into(),
            String::new(),
        ] {
            assert!(Jws::read(&unread).is_none(), "{unread}");
        }
    }

    #[test]
    fn keys_of_another_kind_are_refused_with_what_was_expected() {
        let tokens = tokens();
        for (algorithm, name) in
            [(Algorithm::RS256, "ES256"), (Algorithm::ES256, "EdDSA"), (Algorithm::EdDsa, "RS256")]
        {
            for text in [tokens[name]["pem"].as_str().unwrap().to_owned(), tokens[name]["jwk"].to_string()] {
                assert_eq!(Key::public(algorithm, &text).unwrap_err(), OTHER_ALGORITHM);
            }
        }
        for nonsense in ["", "{}", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert!(Key::public(Algorithm::RS256, nonsense).is_err(), "{nonsense}");
        }
        assert!(is_private("-----BEGIN PRIVATE KEY-----") && is_private(r#"{"kty":"oct","k":"AA"}"#));
        assert!(!is_private(&tokens["RS256"]["jwk"].to_string()));
    }

    #[test]
    fn the_published_tokens_are_read() {
        // RFC 7515, A.1.
        let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0\
                     dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = Key::secret(&URL_SAFE_NO_PAD.decode(secret).unwrap());
        assert!(Jws::read(token).unwrap().is_signed_by(&key));
        // RFC 8037, A.4: its payload is no JSON, its signature all the same.
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIb\
                     QR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let jws = Jws::read(token).unwrap();
        assert!(jws.is_signed_by(&Key::public(Algorithm::EdDsa, jwk).unwrap()));
        assert!(jws.claims::<Value>().is_none());
    }
}
