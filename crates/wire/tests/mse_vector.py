"""An independent Message Stream Encryption handshake: prints the bytes that tests/mse.rs expects.

Run `python3 crates/wire/tests/mse_vector.py`. It shares nothing with the Rust code: the power is Python's, the
hash is hashlib's, RC4 is the textbook's. With an OpenSSL that still has RC4, `--openssl` checks that one too.
"""

import subprocess
import sys
from hashlib import sha1

P = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    16,
)


def rc4(key, count):
    s, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + s[i] + key[i % len(key)]) % 256
        s[i], s[j] = s[j], s[i]
    i = j = 0
    for _ in range(count):
        i = (i + 1) % 256
        j = (j + s[i]) % 256
        s[i], s[j] = s[j], s[i]
        out.append(s[(s[i] + s[j]) % 256])
    return bytes(out)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def h(*parts):
    return sha1(b"".join(parts)).digest()


skey = bytes(range(100, 120))
xa, xb = int.from_bytes(bytes(range(1, 21))), int.from_bytes(bytes(range(0xF0, 0xDC, -1)))
ya, yb = pow(2, xa, P), pow(2, xb, P)
s = pow(yb, xa, P).to_bytes(96)
assert s == pow(ya, xb, P).to_bytes(96)

ia = b"\x13BitTorrent protocol" + bytes(8) + skey + b"-SL0100-abcdefghijkl"
offer = bytes(8) + (3).to_bytes(4) + (3).to_bytes(2) + bytes(3) + len(ia).to_bytes(2) + ia
answer = bytes(8) + (2).to_bytes(4) + (2).to_bytes(2) + bytes(2)
said_a, said_b = b"interested", b"unchoked"
key_a, key_b = h(b"keyA", s, skey), h(b"keyB", s, skey)
stream_a, stream_b = rc4(key_a, 2048)[1024:], rc4(key_b, 2048)[1024:]

if "--openssl" in sys.argv:
    for key, stream in ((key_a, stream_a), (key_b, stream_b)):
        # The command's rc4 takes 16 bytes of key, ours have 20: compared on their first 16.
        command = ["openssl", "enc", "-rc4", "-provider", "legacy", "-provider", "default", "-K", key[:16].hex()]
        theirs = subprocess.run(command, input=bytes(2048), capture_output=True, check=True).stdout
        assert theirs == rc4(key[:16], 2048)
    print("openssl agrees")

print("secret   ", s.hex())
print("1 A->B   ", (ya.to_bytes(96) + b"PadA!").hex())
print("2 B->A   ", (yb.to_bytes(96) + b"PadB!!!").hex())
print("3 A->B   ", (h(b"req1", s) + xor(h(b"req2", skey), h(b"req3", s)) + xor(offer, stream_a)).hex())
print("4 B->A   ", xor(answer, stream_b).hex())
print("5 A->B   ", xor(said_a, stream_a[len(offer) :]).hex())
print("5 B->A   ", xor(said_b, stream_b[len(answer) :]).hex())
