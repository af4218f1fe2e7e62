//! What an author is shown, word for word. A change here is a change of the lesson that an error teaches.

use swarmlab_scenario::parse;

#[test]
fn an_author_is_shown_where_and_what_and_how_to_put_it_right() {
    for (name, text, wanted) in CASES {
        let shown = parse("lab.yaml", text).map(|_| ()).unwrap_err().to_string();
        assert_eq!(shown, *wanted, "{name}:\n{shown}");
    }
}

/// What it is about, the scenario, and all that is said about it.
const CASES: &[(&str, &str, &str)] = &[
    (
        "a misspelt key is told its nearest name, once",
        r#"scenario: 1
title: Broken
contnet: { size: 16 MiB }
cast:
  seed: { role: sed }
  sharer: { role: leech, cuont: 3 }
check:
  - { complete: sharr, within: 30 }
"#,
        r#"error: unknown key `contnet` in a scenario
 --> lab.yaml:3:1
  |
3 | contnet: { size: 16 MiB }
  | ^^^^^^^
  = help: did you mean `content`?

error: no role is called `sed`
 --> lab.yaml:5:17
  |
5 |   seed: { role: sed }
  |                 ^^^
  = help: did you mean `seed`?

error: unknown key `cuont` in `sharer`
 --> lab.yaml:6:26
  |
6 |   sharer: { role: leech, cuont: 3 }
  |                          ^^^^^
  = help: did you mean `count`?

error: nobody in the cast is called `sharr`
 --> lab.yaml:8:17
  |
8 |   - { complete: sharr, within: 30 }
  |                 ^^^^^
  = help: did you mean `sharer`?

error: `within`: `30` has no unit
 --> lab.yaml:8:32
  |
8 |   - { complete: sharr, within: 30 }
  |                                ^^
  = help: write one of `30 us`, `30 ms`, `30 s`, `30 min`, `30 h`
"#,
    ),
    (
        "encryption that can't be or contradicts itself",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast:
  a: { role: seed, encryption: requierd, encryption-methods: [rc4, aes] }
  b: { role: leech, encryption: disabled, encryption-methods: rc4 }
  c: { role: leech, client: rqbit, encryption: required }
  d: { role: leech, encryption-methods: [] }
  e: { role: leech, encryption-methods: [rc4, rc4], encrypton: required }
check: [{ complete: all, within: 9 s }]
"#,
        r#"error: no encryption policy is called `requierd`
 --> lab.yaml:5:32
  |
5 |   a: { role: seed, encryption: requierd, encryption-methods: [rc4, aes] }
  |                                ^^^^^^^^
  = help: did you mean `required`?

error: no encryption method is called `aes`
 --> lab.yaml:5:68
  |
5 |   a: { role: seed, encryption: requierd, encryption-methods: [rc4, aes] }
  |                                                                    ^^^
  = help: one of: rc4, plaintext-after-handshake

error: there is no method to choose where encryption is disabled
 --> lab.yaml:6:63
  |
6 |   b: { role: leech, encryption: disabled, encryption-methods: rc4 }
  |                                                               ^^^
  = help: leave it away, or choose another `encryption`

error: `encryption` is for client swarmlab: rqbit speaks plaintext and nothing else
 --> lab.yaml:7:48
  |
7 |   c: { role: leech, client: rqbit, encryption: required }
  |                                                ^^^^^^^^
  = help: leave it away

error: `encryption-methods` names none
 --> lab.yaml:8:41
  |
8 |   d: { role: leech, encryption-methods: [] }
  |                                         ^
  = help: write `[rc4]`, `[plaintext-after-handshake]`, or leave it away for both

error: `rc4` is named twice
 --> lab.yaml:9:47
  |
9 |   e: { role: leech, encryption-methods: [rc4, rc4], encrypton: required }
  |                                               ^^^
  = help: name it once

error: unknown key `encrypton` in `e`
 --> lab.yaml:9:53
  |
9 |   e: { role: leech, encryption-methods: [rc4, rc4], encrypton: required }
  |                                                     ^^^^^^^^^
  = help: did you mean `encryption`?
"#,
    ),
    (
        "checks of encryption name what there is",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed }, sharer: { role: leech } }
check:
  - { cipher: rc5, who: sharer }
  - { cipher: [], remote: seed }
  - { cipher: [rc4, rc4], remote: nobody }
  - { classified: bittorrent }
  - { observer: ips, not: content }
  - { observer: [isp, tracker], not: content }
  - { observer: isp }
  - { observer: isp, learns: [address], not: content }
  - { observer: isp, learns: [content, names], not: content }
  - { never: plaintext-handshak }
"#,
        r#"error: no cipher is called `rc5`
 --> lab.yaml:6:15
  |
6 |   - { cipher: rc5, who: sharer }
  |               ^^^
  = help: did you mean `rc4`?

error: `cipher` names none
 --> lab.yaml:7:15
  |
7 |   - { cipher: [], remote: seed }
  |               ^
  = help: write `{ cipher: rc4, who: sharer, remote: seed }`

error: `rc4` is named twice
 --> lab.yaml:8:21
  |
8 |   - { cipher: [rc4, rc4], remote: nobody }
  |                     ^^^
  = help: name it once

error: nobody in the cast is called `nobody`
 --> lab.yaml:8:35
  |
8 |   - { cipher: [rc4, rc4], remote: nobody }
  |                                   ^^^^^^
  = help: one of: seed, sharer, all

error: no class of flows is called `bittorrent`
 --> lab.yaml:9:19
  |
9 |   - { classified: bittorrent }
  |                   ^^^^^^^^^^
  = help: one of: plaintext-bittorrent, obfuscated-unknown, http, other

error: no observer is called `ips`
  --> lab.yaml:10:17
   |
10 |   - { observer: ips, not: content }
   |                 ^^^
   = help: did you mean `isp`?

error: a check is about one observer
  --> lab.yaml:11:17
   |
11 |   - { observer: [isp, tracker], not: content }
   |                 ^
   = help: make it several checks

error: `observer` needs one of `learns`, `partly` and `not`
  --> lab.yaml:12:5
   |
12 |   - { observer: isp }
   |     ^
   = help: write something like `{ observer: isp, learns: [addresses, info-hash], not: content }`

error: no thing to learn is called `address`
  --> lab.yaml:13:31
   |
13 |   - { observer: isp, learns: [address], not: content }
   |                               ^^^^^^^
   = help: did you mean `addresses`?

error: `content` is in two of the lists
  --> lab.yaml:14:53
   |
14 |   - { observer: isp, learns: [content, names], not: content }
   |                                                     ^^^^^^^
   = help: it is learned fully, partly or not at all

error: no kind of event is called `plaintext-handshak`
  --> lab.yaml:15:14
   |
15 |   - { never: plaintext-handshak }
   |              ^^^^^^^^^^^^^^^^^^
   = help: did you mean `plaintext-handshake`?
"#,
    ),
    (
        "amounts need their unit and counts their bounds",
        r#"scenario: 2
title: x
content: { size: 16, piece: 100 KiB }
cast: { seed: { role: seed }, sharer: { role: leech, count: 0, up: 5 Mbit } }
check: [{ complete: sharer }]
"#,
        r#"error: version `2` of the format is not known
 --> lab.yaml:1:11
  |
1 | scenario: 2
  |           ^
  = help: this program reads `scenario: 1`

error: `size`: `16` has no unit
 --> lab.yaml:3:18
  |
3 | content: { size: 16, piece: 100 KiB }
  |                  ^^
  = help: write the unit, such as `16 B`, `16 MiB` or `16 TB`

error: a piece has a power of two bytes, from 16 KiB to 256 MiB, not 100 KiB
 --> lab.yaml:3:29
  |
3 | content: { size: 16, piece: 100 KiB }
  |                             ^^^^^^^
  = help: write `128 KiB`, or leave it away: a good size is then chosen

error: `count`: `0` is not a whole number from 1 to 2500
 --> lab.yaml:4:61
  |
4 | cast: { seed: { role: seed }, sharer: { role: leech, count: 0, up: 5 Mbit } }
  |                                                             ^
  = help: write a number, such as `3`

error: `up`: `Mbit` is no unit of rate
 --> lab.yaml:4:68
  |
4 | cast: { seed: { role: seed }, sharer: { role: leech, count: 0, up: 5 Mbit } }
  |                                                                    ^^^^^^
  = help: did you mean `5 Mbit/s`?

error: `complete` lacks `within`
 --> lab.yaml:5:9
  |
5 | check: [{ complete: sharer }]
  |         ^
  = help: write `{ complete: sharer, within: 120 s }`
"#,
    ),
    (
        "a stage that contradicts itself",
        r#"scenario: 1
title: x
worlds: [local, moon]
content: { size: 1 MiB, path: a }
net: { dsl: { rtt: 5 ms, jitter: 9 ms, nat: symetric, loss: 100 % } }
tracker: { at: lan, interval: 1500 ms }
cast: { seed: { role: seed, picking: sequential }, all: { role: leech }, Bob: { role: leech, client: rqbit, persona: slow } }
check: [{ complete: all, within: 9 s }]
"#,
        r#"error: no world is called `moon`
 --> lab.yaml:3:17
  |
3 | worlds: [local, moon]
  |                 ^^^^
  = help: one of: sim, local, netns, docker, class

error: `content` names two sources
 --> lab.yaml:4:25
  |
4 | content: { size: 1 MiB, path: a }
  |                         ^^^^
  = help: write one of `size: 16 MiB`, `tree: { files: 100, size: 16 MiB }`, `path: my-folder`, `given: true`

error: the delay can't vary by more than there is of it
 --> lab.yaml:5:34
  |
5 | net: { dsl: { rtt: 5 ms, jitter: 9 ms, nat: symetric, loss: 100 % } }
  |                                  ^^^^
  = help: make `jitter` smaller than `rtt`

error: no kind of NAT is called `symetric`
 --> lab.yaml:5:45
  |
5 | net: { dsl: { rtt: 5 ms, jitter: 9 ms, nat: symetric, loss: 100 % } }
  |                                             ^^^^^^^^
  = help: did you mean `symmetric`?

error: nothing would arrive at all
 --> lab.yaml:5:61
  |
5 | net: { dsl: { rtt: 5 ms, jitter: 9 ms, nat: symetric, loss: 100 % } }
  |                                                             ^^^^^
  = help: write less than `100 %`

error: there is no net `lan`
 --> lab.yaml:6:16
  |
6 | tracker: { at: lan, interval: 1500 ms }
  |                ^^^
  = help: the only one is `dsl`

error: the tracker tells its interval in whole seconds (BEP 15)
 --> lab.yaml:6:31
  |
6 | tracker: { at: lan, interval: 1500 ms }
  |                               ^^^^^^^
  = help: write `1 s` or more

error: `picking` is for those who download, and a seed has everything
 --> lab.yaml:7:38
  |
7 | …ast: { seed: { role: seed, picking: sequential }, all: { role: leech }, Bob: { role: leech, client: rqbit, per…
  |                                      ^^^^^^^^^^
  = help: leave it away, or make it `role: leech`

error: `all` means something else in scripts and checks
 --> lab.yaml:7:52
  |
7 | … role: seed, picking: sequential }, all: { role: leech }, Bob: { role: leech, client: rqbit, persona: slow } }
  |                                      ^^^
  = help: choose another name

error: `Bob` can't be the name of a cast member
 --> lab.yaml:7:74
  |
7 | …sequential }, all: { role: leech }, Bob: { role: leech, client: rqbit, persona: slow } }
  |                                      ^^^
  = help: small letters, digits and `-`, a letter first, at most 24

error: `persona` is for client swarmlab: rqbit is a stock client and goes its own way
 --> lab.yaml:7:118
  |
7 | …ole: leech, client: rqbit, persona: slow } }
  |                                      ^^^^
  = help: leave it away
"#,
    ),
    (
        "steps that can't be carried out",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed }, sharer: { role: leech } }
script:
  - { at: 0 s, do: jion, who: all }
  - { after: sharer.compleet, do: leave, who: seed }
  - { after: seed.complete, do: leave, who: seed }
  - { after: sharer at 50 %, do: leave, who: seed }
  - { after: sharer.block-sent, do: leave, who: seed }
  - { do: leave, who: seed }
  - { at: 1, do: stop-tracker, who: seed }
  - { at: 1 s, within: 2 s, do: set-limit, who: all }
check: [{ complete: all, within: 9 s }]
"#,
        r#"error: no verb is called `jion`
 --> lab.yaml:6:20
  |
6 |   - { at: 0 s, do: jion, who: all }
  |                    ^^^^
  = help: did you mean `join`?

error: no kind of event is called `compleet`
 --> lab.yaml:7:14
  |
7 |   - { after: sharer.compleet, do: leave, who: seed }
  |              ^^^^^^^^^^^^^^^
  = help: did you mean `complete`?

error: `seed` downloads nothing, so this never happens
 --> lab.yaml:8:14
  |
8 |   - { after: seed.complete, do: leave, who: seed }
  |              ^^^^^^^^^^^^^
  = help: wait for one who leeches, or for another moment

error: `sharer at 50 %` is no moment
 --> lab.yaml:9:14
  |
9 |   - { after: sharer at 50 %, do: leave, who: seed }
  |              ^^^^^^^^^^^^^^
  = help: write it as `sharer.complete`, `leecher reaches 50 %` or `seed uploads 150 %`

error: `sharer` does not report `block-sent`: its events tell of pieces, not of blocks
  --> lab.yaml:10:14
   |
10 |   - { after: sharer.block-sent, do: leave, who: seed }
   |              ^^^^^^^^^^^^^^^^^
   = help: add `detail: block` to it in the cast

error: step 6 does not say when
  --> lab.yaml:11:5
   |
11 |   - { do: leave, who: seed }
   |     ^
   = help: begin it with `at: 2 s` or `after: sharer.complete`

error: `at`: `1` has no unit
  --> lab.yaml:12:11
   |
12 |   - { at: 1, do: stop-tracker, who: seed }
   |           ^
   = help: write one of `1 us`, `1 ms`, `1 s`, `1 min`, `1 h`

error: `stop-tracker` takes no `who`
  --> lab.yaml:12:32
   |
12 |   - { at: 1, do: stop-tracker, who: seed }
   |                                ^^^
   = help: it takes nothing more

error: `set-limit` sets no limit
  --> lab.yaml:13:5
   |
13 |   - { at: 1 s, within: 2 s, do: set-limit, who: all }
   |     ^
   = help: write `up: 100 kB/s`, `down: 1 MB/s`, or `up: unlimited`

error: `within` goes with `after`: a step with `at` is done at its time
  --> lab.yaml:13:24
   |
13 |   - { at: 1 s, within: 2 s, do: set-limit, who: all }
   |                        ^^^
   = help: leave it away
"#,
    ),
    (
        "checks that check nothing",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed }, sharer: { role: leech } }
check:
  - { never: piece-faild }
  - { complet: sharer }
  - { order: [sharer.complete] }
  - { count: piece-failed }
  - { pass: "x" }
  - { never: block-sent, who: sharer }
  - { never: complete, remote: sharer }
  - { hash-ok: seed }
  - { ratio: sharer, min: 90 %, max: 10 % }
  - { complete: sharer, hash-ok: sharer, within: 3 s }
  - { resumed: sharer, within: 3 s }
"#,
        r#"error: no kind of event is called `piece-faild`
 --> lab.yaml:6:14
  |
6 |   - { never: piece-faild }
  |              ^^^^^^^^^^^
  = help: did you mean `piece-failed`?

error: no kind of check is called `complet`
 --> lab.yaml:7:7
  |
7 |   - { complet: sharer }
  |       ^^^^^^^
  = help: did you mean `complete`?

error: `order` needs from 2 to 10 moments, and has 1
 --> lab.yaml:8:14
  |
8 |   - { order: [sharer.complete] }
  |              ^
  = help: write `{ order: [sharer.complete, rider.complete] }`

error: `count` needs `min` or `max`, or both
 --> lab.yaml:9:5
  |
9 |   - { count: piece-failed }
  |     ^
  = help: write something like `{ count: piece-failed, who: sharer, min: 1 }`

error: this check does not say what it checks
  --> lab.yaml:10:5
   |
10 |   - { pass: "x" }
   |     ^
   = help: it begins with one of: complete, hash-ok, delivered, sealed, order, never, always, count, pieces-from, ratio, unchoked-time, banned, resumed, announce-count, finished-rank, reached, cipher, classified, observer

error: `sharer` does not report `block-sent`: its events tell of pieces, not of blocks
  --> lab.yaml:11:14
   |
11 |   - { never: block-sent, who: sharer }
   |              ^^^^^^^^^^
   = help: add `detail: block` to it in the cast

error: `complete` names no other side
  --> lab.yaml:12:32
   |
12 |   - { never: complete, remote: sharer }
   |                                ^^^^^^
   = help: leave `remote` away

error: `seed` has everything from the start: there is nothing to check
  --> lab.yaml:13:16
   |
13 |   - { hash-ok: seed }
   |                ^^^^
   = help: name someone with `role: leech`

error: `min` is larger than `max`: nothing can be right
  --> lab.yaml:14:5
   |
14 |   - { ratio: sharer, min: 90 %, max: 10 % }
   |     ^
   = help: write something like `{ ratio: seed, max: 150 % }`

error: one check can't be both `complete` and `hash-ok`
  --> lab.yaml:15:25
   |
15 |   - { complete: sharer, hash-ok: sharer, within: 3 s }
   |                         ^^^^^^^
   = help: make it two checks

error: unknown key `within` in a check of kind `resumed`
  --> lab.yaml:16:24
   |
16 |   - { resumed: sharer, within: 3 s }
   |                        ^^^^^^
   = help: one of: resumed, pass, fail, why, level
"#,
    ),
    (
        "nobody has it",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { sharer: { role: leech } }
check: [{ complete: sharer, within: 10 s }]
"#,
        r#"error: nobody has the content: there is no seed
 --> lab.yaml:4:7
  |
4 | cast: { sharer: { role: leech } }
  |       ^
  = help: give the cast a `seed: { role: seed }`
"#,
    ),
    (
        "nobody wants it",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed } }
check: [{ never: piece-failed }]
"#,
        r#"error: nobody wants the content: there is no leech
 --> lab.yaml:4:7
  |
4 | cast: { seed: { role: seed } }
  |       ^
  = help: give the cast a `leecher: { role: leech }`
"#,
    ),
    (
        "a script that stands still",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed }, a: { role: leech }, b: { role: leech }, c: { role: leech } }
script:
  - { at: 0 s, do: join, who: seed }
  - { after: a.complete, do: join, who: b }
  - { after: b.complete, do: join, who: a }
  - { after: seed.copy-out, do: restart, who: seed }
  - { after: seed.copy-out, do: start-tracker }
  - { at: 9 s, do: join, who: seed }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: c never joins
 --> lab.yaml:6:3
  |
6 |   - { at: 0 s, do: join, who: seed }
  |   ^
  = help: add `{ at: 0 s, do: join, who: c }`

error: step 2 waits for `a.complete`, which can never come
 --> lab.yaml:7:5
  |
7 |   - { after: a.complete, do: join, who: b }
  |     ^
  = help: a only joins in a step that waits for this one

error: step 3 waits for `b.complete`, which can never come
 --> lab.yaml:8:5
  |
8 |   - { after: b.complete, do: join, who: a }
  |     ^
  = help: b only joins in a step that waits for this one

error: `seed` is restarted, but no step before this ends it
 --> lab.yaml:9:5
  |
9 |   - { after: seed.copy-out, do: restart, who: seed }
  |     ^
  = help: put a `kill` or `leave` before it

error: the tracker is started, but no step before this stops it
  --> lab.yaml:10:5
   |
10 |   - { after: seed.copy-out, do: start-tracker }
   |     ^
   = help: it runs from the start; put a `stop-tracker` before this, or leave it away

error: `seed` joins a second time
  --> lab.yaml:11:5
   |
11 |   - { at: 9 s, do: join, who: seed }
   |     ^
   = help: a peer joins once; `restart` brings back what was killed or has left
"#,
    ),
    (
        "no check at all",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed }, a: { role: leech } }
"#,
        r#"error: there is no `check`: a scenario without checks is never green
 --> lab.yaml:1:1
  |
1 | scenario: 1
  | ^
  = help: write `check: [{ complete: all, within: 60 s }]`
"#,
    ),
    (
        "an empty list of checks",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
cast: { seed: { role: seed }, a: { role: leech } }
check: []
"#,
        r#"error: a scenario has from 1 to 100 checks: without any it is never green
 --> lab.yaml:5:8
  |
5 | check: []
  |        ^
  = help: write `- { complete: all, within: 60 s }`
"#,
    ),
    (
        "what lies past the end",
        r#"scenario: 1
title: x
deadline: 5 s
content: { size: 1 MiB }
cast: { seed: { role: seed }, a: { role: leech } }
script:
  - { at: 0 s, do: join, who: all }
  - { at: 6 s, do: note, text: never seen }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: step 2 lies past the end of the run
 --> lab.yaml:8:5
  |
8 |   - { at: 6 s, do: note, text: never seen }
  |     ^
  = help: the run ends at its `deadline`, after 5 s

error: this check looks past the end of the run
 --> lab.yaml:9:9
  |
9 | check: [{ complete: a, within: 10 s }]
  |         ^
  = help: the run ends at its `deadline`, after 5 s
"#,
    ),
    (
        "networks that can't be",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
net:
  loop: { in: loop }
  home: { in: provder, nat: symetric, firewall: offic }
  provider: { nat: home, ip: 6 }
  axes: { nat: { mapping: endpoint-independent, hairpin: maybe }, ip: 5 }
  slow: { isp: { matches: bittorrent, does: throttle } }
  wall: { firewall: { ports: [0] }, isp: { matches: http, does: reset, to: 1 kB/s } }
  tracker: {}
cast: { seed: { role: seed }, a: { role: leech } }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: net `loop` lies 6 networks deep, or in itself
 --> lab.yaml:5:9
  |
5 |   loop: { in: loop }
  |         ^
  = help: a home in a provider's network is two deep

error: net `home` lies in `provder`, and there is none
 --> lab.yaml:6:9
  |
6 |   home: { in: provder, nat: symetric, firewall: offic }
  |         ^
  = help: did you mean `provider`?

error: no kind of NAT is called `symetric`
 --> lab.yaml:6:29
  |
6 |   home: { in: provder, nat: symetric, firewall: offic }
  |                             ^^^^^^^^
  = help: did you mean `symmetric`?

error: no firewall is called `offic`
 --> lab.yaml:6:49
  |
6 |   home: { in: provder, nat: symetric, firewall: offic }
  |                                                 ^^^^^
  = help: did you mean `office`?

error: IPv6 is not translated
 --> lab.yaml:7:20
  |
7 |   provider: { nat: home, ip: 6 }
  |                    ^^^^
  = help: leave `nat` away, and write `firewall: stateful` for what a router at home does with IPv6

error: `nat` lacks `filtering`
 --> lab.yaml:8:16
  |
8 |   axes: { nat: { mapping: endpoint-independent, hairpin: maybe }, ip: 5 }
  |                ^
  = help: write `nat: { mapping: endpoint-independent, filtering: address-dependent }`

error: `hairpin`: `maybe` is neither true nor false
 --> lab.yaml:8:58
  |
8 |   axes: { nat: { mapping: endpoint-independent, hairpin: maybe }, ip: 5 }
  |                                                          ^^^^^
  = help: write `true` or `false`

error: there is no IP version 5 to speak
 --> lab.yaml:8:71
  |
8 |   axes: { nat: { mapping: endpoint-independent, hairpin: maybe }, ip: 5 }
  |                                                                       ^
  = help: write `ip: 4` or `ip: 6`

error: no class of flows is called `bittorrent`
 --> lab.yaml:9:27
  |
9 |   slow: { isp: { matches: bittorrent, does: throttle } }
  |                           ^^^^^^^^^^
  = help: one of: plaintext-bittorrent, obfuscated-unknown, http, other

error: `throttle` does not say to which rate
 --> lab.yaml:9:45
  |
9 |   slow: { isp: { matches: bittorrent, does: throttle } }
  |                                             ^^^^^^^^
  = help: add `to: 100 kB/s`

error: `ports`: `0` is not a whole number from 1 to 65535
  --> lab.yaml:10:31
   |
10 |   wall: { firewall: { ports: [0] }, isp: { matches: http, does: reset, to: 1 kB/s } }
   |                               ^
   = help: write a number, such as `3`

error: `to` goes with `does: throttle`
  --> lab.yaml:10:76
   |
10 |   wall: { firewall: { ports: [0] }, isp: { matches: http, does: reset, to: 1 kB/s } }
   |                                                                            ^^^^^^
   = help: leave it away

error: `tracker` can't be the name of a network: it reports events of its own
  --> lab.yaml:11:3
   |
11 |   tracker: {}
   |   ^^^^^^^
   = help: call it by what it is, such as `home` or `office`
"#,
    ),
    (
        "what can't befall a network",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
net: { lan: {}, home: { nat: home } }
cast: { seed: { role: seed }, a: { role: leech, at: home } }
script:
  - { at: 0 s, do: join, who: all }
  - { at: 1 s, do: heal, net: lan }
  - { at: 2 s, do: rebind-nat, net: lan }
  - { at: 3 s, do: forward-port, who: seed }
  - { at: 4 s, do: sign-in, who: a }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: `lan` is healed, but no step before this cuts it
 --> lab.yaml:8:5
  |
8 |   - { at: 1 s, do: heal, net: lan }
  |     ^
  = help: put a `cut` before it, or leave this away

error: net `lan` has no NAT to rebind
 --> lab.yaml:9:5
  |
9 |   - { at: 2 s, do: rebind-nat, net: lan }
  |     ^
  = help: give it one: `nat: home`

error: `seed` sits in net `lan`, which has no NAT or firewall
  --> lab.yaml:10:5
   |
10 |   - { at: 3 s, do: forward-port, who: seed }
   |     ^
   = help: give the net its NAT or firewall, or leave this step away

error: `a` sits in net `home`, which has no captive portal
  --> lab.yaml:11:5
   |
11 |   - { at: 4 s, do: sign-in, who: a }
   |     ^
   = help: give the net its captive portal, or leave this step away
"#,
    ),
    (
        "steps and checks that name no network, rule or direction",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
net: { lan: {}, home: { nat: home } }
cast: { seed: { role: seed }, a: { role: leech, at: home } }
script:
  - { at: 0 s, do: join, who: all }
  - { at: 1 s, do: cut, net: hom }
  - { at: 2 s, do: set-disk, who: a, disk: ful }
  - { at: 3 s, do: skew-clock, who: a }
  - { at: 4 s, do: set-line, net: home }
check:
  - { count: packet-dropped, who: home, rule: no-maping, min: 1 }
  - { never: connected, rule: lost }
  - { never: unchoked, direction: in }
  - { never: connected, direction: inward }
"#,
        r#"error: there is no net `hom`
 --> lab.yaml:8:30
  |
8 |   - { at: 1 s, do: cut, net: hom }
  |                              ^^^
  = help: did you mean `home`?

error: no fault of a disk is called `ful`
 --> lab.yaml:9:44
  |
9 |   - { at: 2 s, do: set-disk, who: a, disk: ful }
  |                                            ^^^
  = help: did you mean `full`?

error: `skew-clock` lacks `by`
  --> lab.yaml:10:5
   |
10 |   - { at: 3 s, do: skew-clock, who: a }
   |     ^
   = help: write `{ at: 5 s, do: skew-clock, who: bob, by: 1 h }`

error: `set-line` changes nothing
  --> lab.yaml:11:5
   |
11 |   - { at: 4 s, do: set-line, net: home }
   |     ^
   = help: write `rtt: 200 ms`, `jitter: 20 ms`, `loss: 5 %`

error: no rule is called `no-maping`
  --> lab.yaml:13:47
   |
13 |   - { count: packet-dropped, who: home, rule: no-maping, min: 1 }
   |                                               ^^^^^^^^^
   = help: did you mean `no-mapping`?

error: `connected` tells of no rule that stopped a packet
  --> lab.yaml:14:31
   |
14 |   - { never: connected, rule: lost }
   |                               ^^^^
   = help: leave `rule` away, or look for `packet-dropped`

error: `unchoked` has no direction
  --> lab.yaml:15:35
   |
15 |   - { never: unchoked, direction: in }
   |                                   ^^
   = help: leave `direction` away

error: no direction is called `inward`
  --> lab.yaml:16:36
   |
16 |   - { never: connected, direction: inward }
   |                                    ^^^^^^
   = help: one of: in, out
"#,
    ),
    (
        "a tracker that nobody could call",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
net: { server: {}, home: { nat: home } }
tracker: { at: home }
cast: { seed: { role: seed }, a: { role: leech } }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: nobody could call the tracker in net `home`, behind its NAT
 --> lab.yaml:5:16
  |
5 | tracker: { at: home }
  |                ^^^^
  = help: everybody reaches `server`: write `tracker: { at: server }`
"#,
    ),
    (
        "members that speak another IP version than the tracker",
        r#"scenario: 1
title: x
content: { size: 1 MiB }
net: { lan: {}, six: { ip: 6 } }
cast: { seed: { role: seed }, a: { role: leech, at: six } }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: `a` speaks IPv6, and the tracker in net `lan` IPv4: they never meet
 --> lab.yaml:4:6
  |
4 | net: { lan: {}, six: { ip: 6 } }
  |      ^
  = help: give every network in use `ip: 6`, or none of them
"#,
    ),
    (
        "names that clash",
        r#"scenario: 1
title: x
title: y
content: { size: 1 MiB }
cast: { seed: { role: seed }, a: { role: leech, count: 2 }, a-2: { role: leech } }
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: `title` is here twice
 --> lab.yaml:3:1
  |
3 | title: y
  | ^^^^^
  = help: the first is on line 2

error: `a-2` would be there twice
 --> lab.yaml:5:61
  |
5 | cast: { seed: { role: seed }, a: { role: leech, count: 2 }, a-2: { role: leech } }
  |                                                             ^^^
  = help: it is also a member of role `a`: rename one of the two
"#,
    ),
    (
        "a bracket that is not closed",
        r#"scenario: 1
title: x
cast:
  seed: { role: seed }
  a: { role: leech
check: [{ complete: a, within: 10 s }]
"#,
        r#"error: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
 --> lab.yaml:6:6
  |
6 | check: [{ complete: a, within: 10 s }]
  |      ^
  = help: a `,` or the closing bracket is missing before this
"#,
    ),
    (
        "no mapping at all",
        r#"just text
"#,
        r#"error: this is text, not a scenario
 --> lab.yaml:1:1
  |
1 | just text
  | ^^^^^^^^^
  = help: a scenario is a mapping that begins with `scenario: 1`
"#,
    ),
    (
        "an archive has recipients, and a recipient its password",
        r#"scenario: 1
title: T
content: { size: 1 MiB, archive: perhaps }
cast:
  sharer: { role: share }
  eve: { role: leech, password: right }
check: [{ sealed: sharer }, { delivered: eve }]
"#,
        r#"error: `archive`: `perhaps` is neither true nor false
 --> lab.yaml:3:34
  |
3 | content: { size: 1 MiB, archive: perhaps }
  |                                  ^^^^^^^
  = help: write `true` or `false`

error: only a recipient is told a password
 --> lab.yaml:6:33
  |
6 |   eve: { role: leech, password: right }
  |                                 ^^^^^
  = help: leave it away, or make it `role: recipient`

error: `sealed` is not about `sharer`
 --> lab.yaml:7:19
  |
7 | check: [{ sealed: sharer }, { delivered: eve }]
  |                   ^^^^^^
  = help: name someone with `role: leech`

error: `delivered` is not about `eve`
 --> lab.yaml:7:42
  |
7 | check: [{ sealed: sharer }, { delivered: eve }]
  |                                          ^^^
  = help: name someone with `role: recipient`
"#,
    ),
    (
        "who shares has somebody to wait for",
        r#"scenario: 1
title: T
content: { size: 1 MiB, archive: true }
cast:
  sharer: { role: share }
  eve: { role: leech }
check: [{ sealed: eve }]
"#,
        r#"error: `sharer` shares until every recipient has it, and there is no recipient
 --> lab.yaml:5:3
  |
5 |   sharer: { role: share }
  |   ^
  = help: add `friend: { role: recipient }`, or make it `role: seed`
"#,
    ),
    (
        "a password is for what is encrypted",
        r#"scenario: 1
title: T
content: { size: 1 MiB }
cast:
  sharer: { role: share }
  friend: { role: recipient }
check: [{ delivered: friend }]
"#,
        r#"error: `friend` has a password, and nothing is encrypted
 --> lab.yaml:5:3
  |
5 |   sharer: { role: share }
  |   ^
  = help: write `archive: true` into `content`, or make it `role: leech`
"#,
    ),
];
