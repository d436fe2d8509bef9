// What makes pages more pleasant; each works without.

/** Puts the newest of a page where its parts marked with data-part are, so that the reader keeps his place. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
  if (!answer.ok || answer.redirected) return location.reload()
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  for (const part of document.querySelectorAll('[data-part]')) {
    const newest = page.querySelector(`[data-part="${part.dataset.part}"]`)
    if (newest && newest.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.replaceWith(newest)
  }
  document.title = page.title
  document.body.dataset.refresh = page.body.dataset.refresh ?? ''
  document.body.dataset.live = page.body.dataset.live ?? ''
}

/** Looks again whenever the server says that something has changed; without such a stream, every few seconds. */
function follow() {
  const { live, refresh: seconds } = document.body.dataset
  if (live && window.EventSource) {
    const source = new EventSource(live)
    source.onmessage = () => refresh().then(() => document.body.dataset.live || source.close())
    source.onerror = () => source.readyState === EventSource.CLOSED && again(seconds)
    return
  }
  again(seconds)
}

/** Looks again after so many seconds, and goes on so while there is something to wait for. */
function again(seconds) {
  const next = () => again(document.body.dataset.refresh)
  if (seconds) setTimeout(() => refresh().then(next, next), Number(seconds) * 1000)
}

/** A button that copies; without script there is only the text, which can be marked. */
function offerCopy() {
  for (const button of document.querySelectorAll('button[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim())
      const before = button.textContent
      button.textContent = button.dataset.done
      setTimeout(() => {
        button.textContent = before
      }, 2000)
    })
  }
}

/** A file that is dropped on the zone is the one that was chosen. */
function takeDrops() {
  for (const zone of document.querySelectorAll('.drop')) {
    const input = zone.querySelector('input[type=file]')
    zone.addEventListener('dragover', (event) => {
      event.preventDefault()
      zone.classList.add('over')
    })
    zone.addEventListener('dragleave', () => zone.classList.remove('over'))
    zone.addEventListener('drop', (event) => {
      event.preventDefault()
      zone.classList.remove('over')
      input.files = event.dataTransfer.files
    })
  }
}

/** A form is sent once, however often its button is pressed. */
function sendOnce() {
  document.addEventListener('submit', ({ target, defaultPrevented }) => {
    if (defaultPrevented) return
    for (const button of target.querySelectorAll('button[data-wait]')) {
      const note = document.createElement('span')
      note.setAttribute('role', 'status')
      note.textContent = button.dataset.wait
      button.after(note)
      setTimeout(() => {
        button.disabled = true
      })
    }
  })
  window.addEventListener('pageshow', () => {
    for (const button of document.querySelectorAll('button[data-wait]')) button.disabled = false
  })
}

/** Menus close when somebody looks elsewhere. */
function closeMenus() {
  document.addEventListener('click', ({ target }) => {
    for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(target)) menu.open = false
  })
  document.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return
    for (const menu of document.querySelectorAll('details.menu[open]')) menu.open = false
  })
}

for (const enhance of [follow, offerCopy, takeDrops, sendOnce, closeMenus]) enhance()
