"""A throwaway authority and the servers that it vouches for."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority(NamedTuple):
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def make_authority(bundle: Path) -> Authority:
    """Its own certificate goes into the bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throwaway")])
    root = sign(name, key, extension=x509.BasicConstraints(ca=True, path_length=0), issuer=name, issuer_key=key)
    bundle.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    return Authority(name, key)


def sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    extension: x509.ExtensionType,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int = 2,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(issuer_key, hashes.SHA256())
    )


def serving(folder: Path, host: x509.GeneralName, authority: Authority, days: int = 2) -> ssl.SSLContext:
    """Leaves certificate and key in `server.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    names = x509.SubjectAlternativeName([host])
    signed = sign(subject, key, extension=names, issuer=authority.name, issuer_key=authority.key, days=days)
    return _context(folder, signed, key)


def serving_alone(folder: Path, host: x509.GeneralName) -> ssl.SSLContext:
    """Nobody vouches for this one but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alone")])
    names = x509.SubjectAlternativeName([host])
    return _context(folder, sign(subject, key, extension=names, issuer=subject, issuer_key=key), key)


def _context(folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    both = folder / "server.pem"
    both.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    return context
