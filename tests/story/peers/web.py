"""DICOMweb by hand: what a client library would hide, each media type as it is asked for."""

import http.client
import urllib.parse
import uuid

PLAIN = "1.2.840.10008.1.2.1"


class Web:
    def __init__(self, given):
        address = urllib.parse.urlparse(given["dicomweb"])
        self.base, self.token = address.path, given["token"]
        self.connection = http.client.HTTPConnection(address.netloc, timeout=120)

    def ask(self, method, path, accept, body=None, kind=None):
        headers = {"Accept": accept, "Authorization": f"Bearer {self.token}"}
        if kind:
            headers["Content-Type"] = kind
        self.connection.request(method, self.base + path, body=body, headers=headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def get(self, path, accept):
        status, body = self.ask("GET", path, accept)
        return body if status == 200 else b""

    def store(self, data):
        boundary = uuid.uuid4().hex
        body = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        return self.ask("POST", "/studies", "application/dicom+json", body, kind)[0]

    def stored(self, study, series, sop):
        return self.get(f"/studies/{study}/series/{series}/instances/{sop}", "application/dicom")

    def plain(self, study, series, sop):
        return self.get(f"/studies/{study}/series/{series}/instances/{sop}", f"application/dicom; transfer-syntax={PLAIN}")

    def frame(self, study, series, sop):
        return self.get(f"/studies/{study}/series/{series}/instances/{sop}/frames/1", "application/octet-stream")
