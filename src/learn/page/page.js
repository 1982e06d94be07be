(() => {
'use strict';
const D = JSON.parse(document.getElementById('data').textContent);
const main = document.getElementById('steps');
const end = document.getElementById('end');
main.textContent = '';

// Elements.
const el = (tag, props = {}, ...kids) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === 'html') node.innerHTML = value;
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...kids.filter(kid => kid !== null && kid !== undefined));
  return node;
};
const svgEl = (tag, props = {}, text) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
};
const button = (text, act, plain) => el('button', { type: 'button', onclick: act, class: plain ? 'plain' : undefined }, text);

// Numbers with units: the same notation as at the terminal.
const trim = (value, most) => {
  const text = value.toFixed(most);
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
};
const show = (value, unit) => {
  const size = Math.abs(value);
  if (unit === 'Seconds') {
    if (size === 0 || size >= 1) return trim(value, 3) + ' s';
    return size >= 1e-3 ? trim(value * 1e3, 3) + ' ms' : trim(value * 1e6, 1) + ' µs';
  }
  // Rates of data have decimal prefixes, as the rates of links do.
  const scales = { Bytes: [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [1024, 'KiB'], [1, 'B']], BytesPerSecond: [[1e9, 'GB/s'], [1e6, 'MB/s'], [1e3, 'kB/s'], [1, 'B/s']] };
  if (scales[unit]) {
    const [step, name] = scales[unit].find(([step]) => size >= step) || scales[unit][3];
    return trim(value / step, 2) + ' ' + name;
  }
  return trim(value, 3) + (unit === 'PerSecond' ? '/s' : '');
};
const UNITS = {
  Count: { '': 1 },
  Seconds: { '': 1, s: 1, ms: 1e-3, us: 1e-6, 'µs': 1e-6, min: 60, m: 60, h: 3600 },
  PerSecond: { '': 1, '/s': 1, '/min': 1 / 60 },
  Bytes: { '': 1, B: 1, kB: 1e3, KB: 1e3, KiB: 1024, MB: 1e6, MiB: 2 ** 20, GB: 1e9, GiB: 2 ** 30 },
};
UNITS.BytesPerSecond = { 'Mbit/s': 125e3, 'kbit/s': 125, 'bit/s': 1 / 8 };
for (const [name, size] of Object.entries(UNITS.Bytes)) UNITS.BytesPerSecond[name ? name + '/s' : ''] = size;
const parse = (text, unit) => {
  const match = /^\s*(-?[0-9][0-9,_]*(?:\.[0-9]+)?|-?\.[0-9]+)\s*([^\s]*)\s*$/.exec(text);
  if (!match) return { error: 'This is not a number.' };
  const size = UNITS[unit][match[2]];
  if (size === undefined) return { error: `“${match[2]}” is not a unit that fits here.` };
  return { value: parseFloat(match[1].replace(/[,_]/g, '')) * size };
};

// What the student has done so far, kept in this browser if it allows that.
const STORE = 'nslab lesson ' + D.identity;
const fresh = () => ({ sheet: Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(16).padStart(2, '0')).join(''), began: new Date().toISOString(), name: '', guesses: {}, times: {}, whys: {}, fixes: {}, passed: {} });
let S = fresh();
try { S = Object.assign(fresh(), JSON.parse(localStorage.getItem(STORE) || '{}')); } catch { /* private mode */ }
const keep = () => { try { localStorage.setItem(STORE, JSON.stringify(S)); } catch { /* private mode */ } };

// Sealed parts.
let key = null;
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const importKey = raw => crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
const keyFromCode = async code => {
  const word = await crypto.subtle.importKey('raw', new TextEncoder().encode(code), 'PBKDF2', false, ['deriveBits']);
  const raw = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(D.salt), iterations: D.rounds }, word, 256);
  return importKey(raw);
};
const unseal = async index => {
  if (!D.sealed[index]) return null;
  if (!key) key = await importKey(bytes(D.key));
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setUint32(8, index);
  const packed = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, bytes(D.sealed[index]));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
};
const hex = async text => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))), b => b.toString(16).padStart(2, '0')).join('');

// Asks for the word of the teacher if the page needs one.
const unlocked = box => new Promise(resolve => {
  if (D.key || key) { resolve(); return; }
  const input = el('input', { type: 'text', 'aria-label': 'Code word' });
  const note = el('p', { class: 'error', role: 'alert' });
  const form = el('div', { class: 'noprint' }, el('p', {}, 'Your teacher has a word that opens the answers.'),
    el('div', { class: 'row' }, input, button('Open', async () => {
      key = await keyFromCode(input.value.trim());
      try { await unseal(D.sealed.length - 1); form.remove(); resolve(); }
      catch { key = null; note.textContent = 'This is not the word.'; }
    })), note);
  box.append(form);
  input.focus();
});

// Charts: steps of the kernel's values, and what the student expected.
const chart = (series, you, unit) => {
  const W = 640, H = 220, L = 64, R = 12, T = 12, B = 30;
  const until = Math.max(...series.flatMap(s => s.t), ...(you || []).map(p => p[0] || 0), 0.1);
  const most = Math.max(...series.flatMap(s => s.v), ...(you || []).map(p => p[1]), 1e-9) * 1.1;
  const x = t => L + t / until * (W - L - R), y = v => H - B - v / most * (H - B - T);
  const svg = svgEl('svg', { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': series.map(s => s.name).join(', ') + ' over time' });
  svg.append(svgEl('path', { class: 'axis', d: `M${L} ${T}V${H - B}H${W - R}` }));
  for (const part of [0, 0.5, 1]) {
    svg.append(svgEl('text', { x: L - 6, y: y(most / 1.1 * part) + 4, 'text-anchor': 'end' }, show(most / 1.1 * part, unit)));
    svg.append(svgEl('text', { x: x(until * part), y: H - 10, 'text-anchor': part === 1 ? 'end' : 'middle' }, show(+(until * part).toFixed(2), 'Seconds')));
  }
  for (const s of series) {
    let d = `M${x(0)} ${y(0)}`;
    s.t.forEach((t, i) => { d += `H${x(t).toFixed(1)}V${y(s.v[i]).toFixed(1)}`; });
    svg.append(svgEl('path', { class: 'kernel', d }));
  }
  if (you && you.length === 1) svg.append(svgEl('path', { class: 'you', d: `M${L} ${y(you[0][1])}H${W - R}` }));
  if (you && you.length > 1) {
    svg.append(svgEl('path', { class: 'you', d: 'M' + you.map(([t, v]) => `${x(t)} ${y(v)}`).join('L') }));
    for (const [t, v] of you) svg.append(svgEl('circle', { class: 'dot', r: 4, cx: x(t), cy: y(v) }));
  }
  return svg;
};
const legend = (text, you) => el('p', { class: 'facts' }, `Solid: ${text}, as recorded.` + (you ? ' Dashed: your prediction.' : ''));

// Questions.
const close = (guess, value, answer) => {
  const most = answer.share !== null ? answer.share * Math.abs(value) : answer.most || 0;
  return Math.abs(guess - value) <= most + 1e-9 * Math.abs(value);
};
const numberGap = (guess, value, unit, answer) => {
  const measured = show(value, unit);
  if (guess === undefined) return [null, `The kernel says ${measured}.`];
  const yours = show(guess, unit);
  if (close(guess, value, answer)) return [true, yours === measured ? `Right: ${measured}.` : `Right: you said ${yours}, the kernel says ${measured}. That is close enough.`];
  const [more, less] = unit === 'Count' ? ['too many', 'too few'] : unit === 'Seconds' ? ['too long', 'too short'] : ['too much', 'too little'];
  const ratio = value > 0 && guess > 0 ? Math.max(guess / value, value / guess) : 0;
  return [false, `You said ${yours}, the kernel says ${measured}: ${show(Math.abs(guess - value), unit)} ${guess > value ? more : less}` + (ratio >= 2 ? `, a factor of ${trim(ratio, 1)}.` : '.')];
};
const mark = right => right === null || right === undefined ? '' : right ? 'right' : 'wrong';

const gapBox = (step, answer, run) => {
  const P = D.steps[step], G = S.guesses[P.name];
  const box = el('div', { class: 'gap' }, el('div', { html: P.html }));
  if (answer.problem) { box.append(el('p', {}, 'This run does not answer it: ' + answer.problem)); return box; }
  const about = run.series.filter(s => answer.about.includes(s.name)).slice(0, 3);
  if (P.form === 'number') {
    const guess = G ? G.number : undefined;
    const [right, text] = numberGap(guess, answer.number, P.unit, answer);
    box.append(el('p', { class: mark(right) }, text));
    if (about.length === 1 && about[0].unit === P.unit) {
      box.append(chart(about, guess === undefined ? null : [[0, guess]], P.unit), legend(about[0].name, guess !== undefined));
    }
  } else if (P.form === 'choice') {
    const truth = P.options[answer.choice];
    if (G && G.choice === answer.choice) box.append(el('p', { class: 'right' }, 'Right: ' + truth));
    else {
      if (G) box.append(el('p', { class: 'wrong' }, 'You chose: ' + P.options[G.choice]));
      box.append(el('p', {}, 'What happened: ' + truth));
      if (G && answer.notes[G.choice]) box.append(el('p', {}, answer.notes[G.choice]));
    }
  } else if (P.form === 'curve') {
    const guesses = G ? G.curve : [];
    const cell = (i, text) => el('td', { class: guesses.length ? mark(close(guesses[i], answer.curve[i], answer)) : '' }, text);
    box.append(el('table', {}, el('tr', {}, el('th', {}, 'time'), ...P.at.map(t => el('th', {}, show(t, 'Seconds')))),
      el('tr', {}, el('th', {}, 'you'), ...P.at.map((t, i) => cell(i, guesses.length ? show(guesses[i], P.unit) : '–'))),
      el('tr', {}, el('th', {}, 'kernel'), ...answer.curve.map(v => el('td', {}, show(v, P.unit))))));
    if (about.length) box.append(chart(about.slice(0, 1), guesses.length ? P.at.map((t, i) => [t, guesses[i]]) : null, P.unit), legend(about[0].name, guesses.length));
  } else if (P.form === 'blanks') {
    let offset = 0;
    const list = el('ul');
    let ladder = P.ladder;
    P.blanks.forEach((blank, i) => {
      const truth = blank.options[answer.blanks[i]], yours = G ? G.blanks[i] : undefined;
      const right = G ? yours === answer.blanks[i] : null;
      list.append(el('li', { class: mark(right) }, `(${blank.name}) ` + (right === null ? truth : right ? 'right: ' + truth : `you chose ${blank.options[yours]}; it is ${truth}`)));
      if (right === false && answer.notes[offset + yours]) list.append(el('li', {}, answer.notes[offset + yours]));
      offset += blank.options.length;
      ladder = ladder.replace(`(${blank.name})`, truth);
    });
    box.append(el('pre', { class: 'picture' }, answer.ladder || ladder), list);
  } else {
    const list = el('ul');
    P.options.forEach((text, i) => {
      const did = answer.rises[i], yours = G ? G.rises.includes(i) : null;
      const words = yours === null || yours === did ? text + (did ? ' rises.' : ' does not rise.') : did ? `You said that ${text} does not rise; it does.` : `You said that ${text} rises; it does not.`;
      list.append(el('li', { class: mark(yours === null ? null : yours === did) }, (yours === did ? 'Right: ' : '') + words));
    });
    box.append(list);
  }
  if (answer.measured.length) box.append(el('p', { class: 'facts' }, 'Measured: ' + answer.measured.join(', ') + '.'));
  if (answer.kernels.length) {
    const same = answer.kernels.every(one => one.text === answer.kernels[0].text);
    box.append(el('table', { class: 'words' }, ...answer.kernels.map(one => el('tr', {}, el('th', {}, one.kernel), el('td', {}, one.text)))),
      el('p', { class: 'facts' }, same ? 'All kernels agree.' : 'The kernels differ.'));
  }
  return box;
};

// A curve is drawn with the pointer over its moments, or typed. The scale is the student's: one from the record would
// show how high the curve goes.
const TOPS = { Count: '100', Seconds: '10 s', PerSecond: '100/s', Bytes: '1 MiB', BytesPerSecond: '10 MB/s' };
const sketchpad = (P, inputs) => {
  const W = 640, H = 240, L = 70, R = 14, T = 14, B = 30;
  const until = P.at[P.at.length - 1] * 1.05;
  const top = el('input', { type: 'text', inputmode: 'decimal', size: 8, value: TOPS[P.unit] || '100' });
  const svg = svgEl('svg', { viewBox: `0 0 ${W} ${H}`, class: 'pad', role: 'img', 'aria-label': 'Your curve; the fields above hold its values' });
  const value = i => parse(inputs[i].value, P.unit).value;
  const most = () => Math.max(parse(top.value, P.unit).value || 0, ...P.at.map((_, i) => value(i) || 0), 1e-9);
  const x = t => L + t / until * (W - L - R), y = v => H - B - v / most() * (H - B - T);
  const draw = () => {
    svg.replaceChildren(svgEl('rect', { class: 'paper', x: L, y: T, width: W - L - R, height: H - B - T }), svgEl('path', { class: 'axis', d: `M${L} ${T}V${H - B}H${W - R}` }));
    for (const part of [0, 0.5, 1]) svg.append(svgEl('text', { x: L - 6, y: y(most() * part) + 4, 'text-anchor': 'end' }, show(most() * part, P.unit)));
    for (const t of P.at) svg.append(svgEl('path', { class: 'moment', d: `M${x(t)} ${T}V${H - B}` }), svgEl('text', { x: x(t), y: H - 10, 'text-anchor': 'middle' }, show(t, 'Seconds')));
    const points = P.at.map((t, i) => [t, value(i)]).filter(p => p[1] !== undefined);
    if (points.length > 1) svg.append(svgEl('path', { class: 'you', d: 'M' + points.map(([t, v]) => `${x(t)} ${y(v)}`).join('L') }));
    for (const [t, v] of points) svg.append(svgEl('circle', { class: 'dot', r: 5, cx: x(t), cy: y(v) }));
  };
  let last = null;
  const put = (i, v) => {
    const step = most() / 200;
    const rounded = P.unit === 'Count' ? Math.round(v) : Math.round(v / step) * step;
    inputs[i].value = show(Math.max(rounded, 0), P.unit);
  };
  const move = event => {
    const frame = svg.getBoundingClientRect();
    const t = ((event.clientX - frame.left) / frame.width * W - L) / (W - L - R) * until;
    const v = Math.min(Math.max((H - B - (event.clientY - frame.top) / frame.height * H) / (H - B - T), 0), 1) * most();
    if (last === null) {
      const distance = P.at.map(at => Math.abs(at - t));
      put(distance.indexOf(Math.min(...distance)), v);
    } else {
      // A fast stroke passes several moments between two events.
      P.at.forEach((at, i) => {
        if (at >= Math.min(t, last[0]) && at <= Math.max(t, last[0])) put(i, t === last[0] ? v : last[1] + (v - last[1]) * (at - last[0]) / (t - last[0]));
      });
    }
    last = [t, v];
    draw();
  };
  svg.addEventListener('pointerdown', event => {
    if (inputs[0].disabled) return;
    svg.setPointerCapture(event.pointerId);
    last = null;
    move(event);
  });
  svg.addEventListener('pointermove', event => { if (svg.hasPointerCapture(event.pointerId)) move(event); });
  for (const input of [...inputs, top]) input.addEventListener('input', draw);
  draw();
  return el('div', {}, svg, el('p', { class: 'facts noprint' }, 'Draw with the pointer, or write the values above. Top of the chart: ', top));
};

const hints = list => {
  if (!list || !list.length) return null;
  let next = 0;
  const box = el('div', { class: 'hints noprint' });
  const more = button('Hint', () => { box.insertBefore(el('div', { class: 'hint', html: list[next++] }), more); if (next === list.length) more.remove(); }, true);
  box.append(more);
  return box;
};

const predict = (P, done) => {
  const box = el('div', { class: 'question' }, el('div', { html: P.html }));
  const error = el('p', { class: 'error', role: 'alert' });
  let read;
  if (P.form === 'number') {
    const input = el('input', { type: 'text', inputmode: 'decimal', 'aria-label': 'Your prediction' });
    box.append(el('div', { class: 'row' }, el('label', {}, 'Your prediction: ', input), el('span', { class: 'facts' }, P.example)));
    read = () => { const { value, error } = parse(input.value, P.unit); return error ? { error } : { guess: { number: value } }; };
  } else if (P.form === 'curve') {
    const inputs = P.at.map(t => el('input', { type: 'text', inputmode: 'decimal', size: 6, 'aria-label': 'At ' + show(t, 'Seconds') }));
    const sketch = sketchpad(P, inputs);
    box.append(el('table', {}, el('tr', {}, el('th', {}, 'time'), ...P.at.map(t => el('th', {}, show(t, 'Seconds')))), el('tr', {}, el('th', {}, 'your prediction'), ...inputs.map(input => el('td', {}, input)))), sketch);
    read = () => {
      const values = inputs.map(input => parse(input.value, P.unit));
      const bad = values.find(v => v.error);
      return bad ? { error: 'Write a number for each time. ' + bad.error } : { guess: { curve: values.map(v => v.value) } };
    };
  } else if (P.form === 'blanks') {
    const picks = P.blanks.map((blank, i) => el('select', { 'aria-label': 'Blank ' + blank.name, 'data-blank': i }, el('option', { value: '' }, '?'), ...blank.options.map((text, n) => el('option', { value: n }, text))));
    box.append(el('pre', { class: 'picture' }, P.ladder), ...P.blanks.map((blank, i) => el('div', { class: 'row' }, el('label', {}, `(${blank.name}) `, picks[i]))));
    read = () => picks.some(pick => pick.value === '') ? { error: 'Choose something for each blank.' } : { guess: { blanks: picks.map(pick => +pick.value) } };
  } else {
    const type = P.form === 'choice' ? 'radio' : 'checkbox';
    const inputs = P.options.map((text, i) => el('input', { type, name: P.name, value: i }));
    inputs.forEach((input, i) => box.append(el('label', { class: 'option' }, input, ' ', P.form === 'rises' ? el('code', {}, P.options[i]) : P.options[i])));
    if (P.form === 'rises') box.append(el('p', { class: 'facts' }, 'Tick those that rise. None is an answer, too.'));
    read = () => {
      const picked = inputs.map((input, i) => input.checked ? i : -1).filter(i => i >= 0);
      if (P.form === 'rises') return { guess: { rises: picked } };
      return picked.length ? { guess: { choice: picked[0] } } : { error: 'Choose one.' };
    };
  }
  const lock = text => {
    box.querySelectorAll('input, select').forEach(node => { node.disabled = true; });
    box.querySelectorAll('.hints').forEach(node => node.remove());
    row.replaceChildren(el('span', { class: 'facts' }, text));
  };
  const commit = guess => {
    if (guess) { S.guesses[P.name] = guess; S.times[P.name] = new Date().toISOString(); }
    S.passed[P.name] = true; keep();
    lock(guess ? 'Your prediction is fixed.' : 'No prediction.');
    done();
  };
  const row = el('div', { class: 'row noprint' }, button('This is my prediction', () => {
    const { guess, error: why } = read();
    error.textContent = why || '';
    if (guess) commit(guess);
  }), button('I do not know', () => commit(null), true));
  box.append(error, hints(P.hints) || '', row);
  if (S.passed[P.name]) {
    const G = S.guesses[P.name];
    const inputs = [...box.querySelectorAll('input')];
    if (G && G.number !== undefined) inputs[0].value = show(G.number, P.unit);
    if (G && G.curve) {
      G.curve.forEach((v, i) => { inputs[i].value = show(v, P.unit); });
      inputs[0].dispatchEvent(new Event('input'));
    }
    if (G && G.blanks) box.querySelectorAll('select').forEach((pick, i) => { pick.value = G.blanks[i]; });
    for (const i of G ? G.rises || (G.choice !== undefined ? [G.choice] : []) : []) inputs[i].checked = true;
    lock(G ? 'Your prediction is fixed.' : 'No prediction.');
    queueMicrotask(done);
  }
  return box;
};

const later = (name, box, text, act) => {
  const row = el('div', { class: 'row noprint' }, button(text, async event => { event.target.disabled = true; await act(); S.passed[name] = true; keep(); row.remove(); }));
  box.append(row);
  if (S.passed[name] && (D.key || key)) { row.remove(); act(); }
};

const render = (index, done) => {
  const step = D.steps[index];
  switch (step.kind) {
    case 'say': main.append(el('div', { html: step.html })); done(); break;
    case 'predict': main.append(predict(step, done)); break;
    case 'why': {
      const box = el('div', { class: 'question' }, el('div', { html: step.html }));
      const text = el('textarea', { 'aria-label': 'Your answer' });
      text.value = S.whys[index] || '';
      box.append(text, el('p', { class: 'facts' }, 'A sentence in your own words. It is not graded.'), hints(step.hints) || '');
      const row = el('div', { class: 'row noprint' });
      const go = () => { S.whys[index] = text.value; S.passed['why' + index] = true; keep(); row.remove(); done(); };
      row.append(button('Go on', go));
      box.append(row);
      main.append(box);
      if (S.passed['why' + index]) go();
      break;
    }
    case 'run': {
      const box = el('div', { class: 'card' }, el('p', {}, 'The experiment' + (step.names ? ` (${step.names})` : '') + ' is ready.'));
      main.append(box);
      later('run' + index, box, 'Run it', async () => {
        await unlocked(box);
        const run = await unseal(index);
        box.replaceChildren(el('p', { class: 'facts' }, 'This is what the kernel did.'), ...run.answers.map(answer => gapBox(answer.step, answer, run)));
        done();
      });
      break;
    }
    case 'reveal': {
      const box = el('div');
      main.append(box);
      unseal(index).then(html => {
        const whys = D.steps.map((other, i) => other.kind === 'why' && i < index && !D.steps.slice(i, index).some(each => each.kind === 'reveal') ? S.whys[i] : '').filter(text => text);
        box.innerHTML = html;
        box.prepend(...whys.map(text => el('p', { class: 'hint' }, 'You wrote: ' + text)));
        done();
      });
      break;
    }
    case 'fix': {
      const box = el('div', { class: 'question' }, el('div', { html: step.html }), el('p', {}, 'These must hold:'), el('ul', {}, ...step.expect.map(text => el('li', {}, el('code', {}, text)))));
      const inputs = step.values.map(([name, value]) => el('input', { type: 'text', 'aria-label': name, value }));
      const kept = S.fixes[index] || {};
      step.values.forEach(([name], i) => { if (kept[name] !== undefined) inputs[i].value = kept[name]; box.append(el('div', { class: 'row' }, el('label', {}, el('code', {}, name), ' = ', inputs[i]))); });
      const row = el('div', { class: 'row noprint' });
      row.append(button('Hand this in', () => {
        S.fixes[index] = Object.fromEntries(step.values.map(([name], i) => [name, inputs[i].value.trim()]));
        keep();
        row.replaceChildren(el('span', { class: 'facts' }, 'Kept. A real kernel judges these values when you hand in your answers. You can still change them.'), again());
        done();
      }));
      const again = () => {
        const note = el('span', { class: 'facts', role: 'status' });
        return el('span', {}, button('Keep the new values', () => {
          S.fixes[index] = Object.fromEntries(step.values.map(([name], i) => [name, inputs[i].value.trim()]));
          keep();
          note.textContent = ' Kept: ' + Object.values(S.fixes[index]).join(', ') + '.';
        }, true), note);
      };
      row.append(button('Skip', () => { row.remove(); done(); }, true));
      box.append(hints(step.hints) || '', row);
      main.append(box);
      if (S.fixes[index]) { row.replaceChildren(el('span', { class: 'facts' }, 'Kept. '), again()); queueMicrotask(done); }
      break;
    }
  }
};

// After the last step: the answers file, and every setting of the knobs.
const finish = async () => {
  const name = el('input', { type: 'text', value: S.name, maxlength: 80, 'aria-label': 'Your name' });
  name.addEventListener('input', () => { S.name = name.value; keep(); });
  const save = async () => {
    const guesses = S.guesses;
    const body = JSON.stringify({ lesson: D.lesson, seed: D.seed, kernels: D.kernels, identity: D.identity, sheet: S.sheet, name: S.name, began: S.began, saved: new Date().toISOString(), guesses, times: S.times, whys: S.whys, fixes: S.fixes });
    const file = JSON.stringify({ format: 1, body, seal: await hex(`${D.sealing}\n${body}\n${D.sealing}`) }, null, 1);
    const link = el('a', { href: URL.createObjectURL(new Blob([file], { type: 'application/json' })), download: `${D.lesson}-${(S.name || 'answers').replace(/[^A-Za-z0-9_-]+/g, '-')}.json` });
    document.body.append(link); link.click(); link.remove();
  };
  end.append(el('h2', {}, 'Hand in'), el('div', { class: 'row noprint' }, el('label', {}, 'Your name: ', name), button('Save my answers', save)),
    el('p', { class: 'facts' }, 'This saves a file. Send it to your teacher. Each answer is judged by a real run.'));
  if (D.knobs.length) await explorer();
};

const explorer = async () => {
  const box = el('div', { class: 'card' });
  end.append(el('h2', {}, 'Turn the knobs'), el('p', {}, 'Every setting has been run on the same kernel. Move a knob, and you see the record of that run. The numbers at the start are your own.'), box);
  await unlocked(box);
  const cells = await unseal(D.sealed.length - 1);
  const runs = D.steps.map((step, i) => step.kind === 'run' ? i : -1).filter(i => i >= 0);
  const at = D.knobs.map(knob => knob.own);
  const pick = el('select', { 'aria-label': 'Experiment' }, ...runs.map((run, n) => el('option', { value: run }, `Experiment ${n + 1}` + (D.steps[run].names ? `: ${D.steps[run].names}` : ''))));
  const which = el('select', { 'aria-label': 'Chart' });
  const out = el('div', { 'aria-live': 'polite' });
  let wanted = null;
  const draw = () => {
    const values = D.knobs.map((knob, i) => knob.values[at[i]]);
    const cell = cells.find(cell => cell.knobs.every((value, i) => value === values[i]));
    const found = cell && cell.runs.find(([step]) => step === +pick.value);
    if (!found) { out.replaceChildren(el('p', {}, 'This setting was not run.')); return; }
    const run = found[1];
    const list = el('table', { class: 'words' });
    for (const answer of run.answers.filter(answer => !D.steps[answer.step].since)) {
      const P = D.steps[answer.step];
      const text = answer.problem ? answer.problem : P.form === 'number' ? show(answer.number, P.unit) : P.form === 'choice' ? P.options[answer.choice] : P.form === 'curve' ? answer.curve.map(v => show(v, P.unit)).join(', ') : P.form === 'blanks' ? P.blanks.map((blank, i) => `(${blank.name}) ${blank.options[answer.blanks[i]]}`).join(', ') : P.options.filter((_, i) => answer.rises[i]).join(', ') || 'none';
      list.append(el('tr', {}, el('th', { html: P.html }), el('td', {}, text)));
    }
    const about = run.answers.flatMap(answer => answer.about);
    const names = run.series.map(s => s.name);
    if (!wanted || !names.includes(wanted)) wanted = names.find(name => about.includes(name)) || names[0];
    which.replaceChildren(...names.map(name => el('option', { value: name, selected: name === wanted }, name)));
    const series = run.series.filter(s => s.name === wanted);
    out.replaceChildren(list, ...(series.length ? [chart(series, null, series[0].unit)] : []));
  };
  D.knobs.forEach((knob, i) => {
    const value = el('output', {}, knob.values[knob.own]);
    const range = el('input', { type: 'range', min: 0, max: knob.values.length - 1, value: knob.own, 'aria-label': knob.name });
    range.addEventListener('input', () => { at[i] = +range.value; value.textContent = knob.values[at[i]]; draw(); });
    box.append(el('div', { class: 'knob' }, el('code', {}, knob.name), range, value));
  });
  pick.addEventListener('change', draw);
  which.addEventListener('change', () => { wanted = which.value; draw(); });
  box.append(el('div', { class: 'row' }, pick, which), out);
  draw();
};

const go = index => {
  if (index === D.steps.length) { finish(); return; }
  let called = false;
  render(index, () => { if (!called) { called = true; go(index + 1); } });
};
if (!crypto.subtle || typeof DecompressionStream === 'undefined') main.append(el('p', { class: 'error' }, 'This browser is too old for this page. A current Firefox, Chrome, Edge or Safari shows it.'));
else go(0);
})();
