// Takes the lesson as a student does who draws each curve, chooses the first statement everywhere, and skips the rest.
(async () => {
  const wait = time => new Promise(resolve => setTimeout(resolve, time));
  const seen = { curves: [], blanks: 0, refused: 0, ended: false };
  const button = (box, text) => [...box.querySelectorAll('button')].find(each => each.textContent === text && !each.disabled);
  const draw = (box, pad) => {
    // A synthetic pointer cannot be captured.
    let held = false;
    pad.setPointerCapture = () => { held = true; };
    pad.hasPointerCapture = () => held;
    const frame = pad.getBoundingClientRect();
    const point = (kind, x, y) => pad.dispatchEvent(new PointerEvent(kind, { clientX: frame.left + x * frame.width, clientY: frame.top + y * frame.height, pointerId: 1 }));
    point('pointerdown', 0.11, 0.87);
    point('pointermove', 0.97, 0.06);
    seen.curves.push([...box.querySelectorAll('table input')].map(input => input.value));
  };
  for (let turn = 0; turn < 100 && !seen.ended; turn++) {
    await wait(50);
    seen.ended = document.querySelector('#end h2') !== null;
    for (const box of document.querySelectorAll('.question, .card')) {
      const commit = button(box, 'This is my prediction');
      const pad = box.querySelector('svg.pad');
      const picks = box.querySelectorAll('select[data-blank]');
      if (commit && pad) draw(box, pad);
      if (commit && picks.length) {
        commit.click();
        seen.refused += box.querySelector('.error').textContent !== '';
        picks.forEach(pick => { pick.value = '0'; });
        seen.blanks += picks.length;
      }
      const next = (commit && (pad || picks.length) && commit) || button(box, 'I do not know') || button(box, 'Go on') || button(box, 'Run it') || button(box, 'Skip');
      if (next) next.click();
    }
  }
  await wait(100);
  const pre = document.createElement('pre');
  pre.id = 'probe';
  pre.textContent = JSON.stringify(seen);
  document.body.append(pre);
})();
