#!/usr/bin/env python3
"""An independent controlled station behind TLS: one measured value, so that transport is what is tested. (As a client the library speaks no TLS.)"""

import argparse
import sys

import c104

import peer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--roots", required=True)
    parser.add_argument("--peer", required=True, help="certificate of the only client that is let in")
    parser.add_argument("--version", choices=["1.2", "1.3"], required=True)
    parser.add_argument("--ca", type=int, default=1)
    parser.add_argument("--ioa", type=int, default=101)
    parser.add_argument("--value", type=float, default=50.02)
    options = parser.parse_args()

    tls = c104.TransportSecurity(validate=True, only_known=True)
    tls.set_certificate(cert=options.cert, key=options.key)
    tls.set_ca_certificate(cert=options.roots)
    tls.add_allowed_remote_certificate(cert=options.peer)
    version = {"1.2": c104.TlsVersion.TLS_1_2, "1.3": c104.TlsVersion.TLS_1_3}[options.version]
    tls.set_version(min=version, max=version)
    tls.set_ciphers(
        ciphers=[
            c104.TlsCipher.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            c104.TlsCipher.ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            c104.TlsCipher.TLS1_3_AES_128_GCM_SHA256,
            c104.TlsCipher.TLS1_3_AES_256_GCM_SHA384,
        ]
    )
    server = c104.Server(ip=peer.HOST, port=options.port, tick_rate_ms=50, transport_security=tls)
    station = server.add_station(common_address=options.ca)
    point = station.add_point(io_address=options.ioa, type=c104.Type.M_ME_TF_1)
    point.info = peer.information("M_ME_TF_1", options.value, c104.Quality(), peer.now())
    server.start()
    peer.say("READY")
    for _ in sys.stdin:
        point.info = peer.information("M_ME_TF_1", options.value + 0.01, c104.Quality(), peer.now())
        point.transmit(cause=c104.Cot.SPONTANEOUS)
        peer.say("SENT")
    server.stop()
    peer.say("END")


if __name__ == "__main__":
    main()
