import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Gate } from './gate.ts';
import { Simulation } from './simulation.ts';

test('[GT1] nothing behind a shut gate happens before it opens', () => {
  const simulation = new Simulation('1');
  const gate = new Gate(simulation);
  const happened: number[] = [];
  gate.after(5, () => happened.push(simulation.now));
  simulation.run(1);
  gate.shut(20);
  gate.shut(3);
  simulation.run(20);
  assert.equal(happened, []);
  simulation.run(30);
  assert.equal(happened, [21]);
});

test('[GT2] what waited happens in the order in which it fell due', () => {
  const simulation = new Simulation('2');
  const outer = new Gate(simulation);
  const gate = new Gate(simulation, outer);
  const happened: string[] = [];
  gate.after(3, () => happened.push('third'));
  gate.after(1, () => {
    happened.push('first');
    gate.pass(() => happened.push('fourth'));
  });
  gate.after(2, () => happened.push('second'));
  gate.shut(10);
  outer.shut(15);
  gate.after(12, () => happened.push('fifth'));
  simulation.run(14);
  assert.equal(happened, []);
  simulation.run(16);
  assert.equal(happened, ['first', 'second', 'third', 'fifth', 'fourth']);
});

test('an outer gate holds up all gates within; opening lets everything go at once', () => {
  const simulation = new Simulation('3');
  const outer = new Gate(simulation);
  const one = new Gate(simulation, outer);
  const other = new Gate(simulation, outer);
  const happened: string[] = [];
  outer.shut(100);
  one.after(1, () => happened.push('one'));
  other.after(2, () => happened.push('other'));
  simulation.run(50);
  assert.ok(one.isShut && other.isShut);
  outer.open();
  assert.equal(happened, ['one', 'other']);
  assert.not.ok(one.isShut);
});

test('a gate that something behind it shuts again keeps the rest', () => {
  const simulation = new Simulation('4');
  const gate = new Gate(simulation);
  const happened: string[] = [];
  gate.shut(10);
  gate.after(1, () => {
    happened.push('one');
    gate.shut(10);
  });
  gate.after(2, () => happened.push('two'));
  simulation.run(15);
  assert.equal(happened, ['one']);
  simulation.run(25);
  assert.equal(happened, ['one', 'two']);
});

test.run();
