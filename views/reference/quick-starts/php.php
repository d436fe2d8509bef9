<?php
// Needs: IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID. PHP 8 with its curl extension.
$imports = getenv('IMPORTAL_URL') . '/v1/portals/' . getenv('PORTAL_ID') . '/imports';
$headers = ['Authorization: Bearer ' . getenv('IMPORTAL_KEY')];

file_put_contents('contacts.csv', "Email,First name,Last name\nanna@example.com,Anna,Muster\n");

function call(string $url, array $headers, ?array $form = null): array
{
    $curl = curl_init($url);
    curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => $headers]);
    if ($form !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, $form);
    $answer = json_decode((string) curl_exec($curl), true);
    if (curl_getinfo($curl, CURLINFO_RESPONSE_CODE) >= 400) exit($answer['code'] . ': ' . $answer['title'] . "\n");
    return $answer;
}

$once = 'Idempotency-Key: ' . bin2hex(random_bytes(16));
$made = call($imports, [...$headers, $once], ['files' => new CURLFile('contacts.csv')]);
while (!in_array($made['state'], ['done', 'failed', 'canceled', 'needs_review'], true)) {
    sleep(1);
    $made = call("$imports/{$made['id']}", $headers);
}
echo $made['id'], ' ', $made['state'], "\n";
