# Needs: IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID. Python 3.8 or later, no packages.
import json, os, time, urllib.request, uuid

imports = f"{os.environ['IMPORTAL_URL']}/v1/portals/{os.environ['PORTAL_ID']}/imports"
key = {"Authorization": "Bearer " + os.environ["IMPORTAL_KEY"]}

csv = "Email,First name,Last name\nanna@example.com,Anna,Muster\n"
boundary = uuid.uuid4().hex
body = (
    f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="contacts.csv"\r\n\r\n'
    f"{csv}\r\n--{boundary}--\r\n"
).encode()
headers = {**key, "Idempotency-Key": uuid.uuid4().hex, "Content-Type": f"multipart/form-data; boundary={boundary}"}
try:
    made = json.load(urllib.request.urlopen(urllib.request.Request(imports, body, headers)))
except urllib.error.HTTPError as refused:
    raise SystemExit(refused.read().decode())

while made["state"] not in ("done", "failed", "canceled", "needs_review"):
    time.sleep(1)
    made = json.load(urllib.request.urlopen(urllib.request.Request(f"{imports}/{made['id']}", headers=key)))
print(made["id"], made["state"], made["counters"])
