# Needs: IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID
printf 'Email,First name,Last name\nanna@example.com,Anna,Muster\n' > contacts.csv

# Send a file. The mapping is guessed from the headers; "Prefer" waits for HubSpot's answer.
curl -sS --fail-with-body "$IMPORTAL_URL/v1/portals/$PORTAL_ID/imports" \
  -H "Authorization: Bearer $IMPORTAL_KEY" \
  -H "Idempotency-Key: contacts-$(date +%F)-$$" \
  -H "Prefer: wait=30" \
  -F files=@contacts.csv
