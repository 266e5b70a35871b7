"""Writes the demo songs: four arrangements of tunes in the public domain, made for Stemfarm.

Usage: python presets/demo/make_songs.py [FOLDER]. The songs beside this script are what it writes: the same bytes every
time, on every machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from notation import Chord, Part, Song

CREDIT = "Traditional, arranged for Stemfarm, MIT licence"
#: General MIDI programs, 0-based.
PIANO, ACCORDION, NYLON, DISTORTION, BASS, SYNTH_BASS = 0, 21, 24, 30, 32, 38
CELLO, CONTRABASS, TREMOLO, PIZZICATO, HARP, STRINGS = 42, 43, 44, 45, 46, 48
TRUMPET, TROMBONE, MUTED_TRUMPET, HORN, CLARINET, FLUTE, SAW_LEAD, BANJO = 56, 57, 59, 60, 71, 73, 81, 105


def greensleeves() -> Song:
    """Greensleeves (England, before 1580), 6/8: flute and guitar, a cello joins, strings for the second half."""
    song = Song("Greensleeves", CREDIT, (6, 8), "Am")
    song.tempos = [(0, 94), (54, 98)]
    song.slope(69, 6, 96, 60)
    song.marks = [(0, "Intro"), (6, "Verse"), (30, "Refrain"), (54, "Refrain, varied")]
    verse = "Am | G | F | E | Am | G | Am E | Am"
    refrain = "C | G | Am | E | C | G | Am E | Am"
    chords = song.chords(0, f"Am | E | {verse} | {refrain} | {refrain} | Am")

    flute = Part(song, "Flute", FLUTE, volume=104, pan=58)
    flute.line(
        5.5,
        "A4:1 | C5:2 D5:1 E5:1.5 F5:.5 E5:1 | D5:2 B4:1 G4:1.5 A4:.5 B4:1 | C5:2 A4:1 A4:1.5 G#4:.5 A4:1"
        " | B4:2 G#4:1 E4:2"
        " A4:1 | C5:2 D5:1 E5:1.5 F5:.5 E5:1 | D5:2 B4:1 G4:1.5 A4:.5 B4:1"
        " | C5:1.5 B4:.5 A4:1 G#4:1.5 F#4:.5 G#4:1 | A4:5 r:1"
        " | G5:3 G5:1.5 F#5:.5 E5:1 | D5:2 B4:1 G4:1.5 A4:.5 B4:1 | C5:2 A4:1 A4:1.5 G#4:.5 A4:1 | B4:2 G#4:1 E4:3"
        " | G5:3 G5:1.5 F#5:.5 E5:1 | D5:2 B4:1 G4:1.5 A4:.5 B4:1 | C5:1.5 B4:.5 A4:1 G#4:1.5 F#4:.5 G#4:1"
        " | A4:4 D5:1 F#5:1"
        " | G5:3 G5:.5 A5:.5 G5:.5 F#5:.5 E5:1 | D5:1 E5:.5 D5:.5 B4:1 G4:1.5 A4:.5 B4:1"
        " | C5:1 D5:.5 C5:.5 A4:1 A4:1.5 G#4:.5 A4:1"
        " | B4:1 C5:.5 B4:.5 G#4:1 E4:2 D5:1 | G5:3 B5:1.5 A5:.5 G5:1"
        " | F#5:.5 G5:.5 F#5:.5 D5:.5 B4:1 G4:1.5 A4:.5 B4:1"
        " | C5:1 D5:.5 B4:.5 A4:1 G#4:1 A4:.5 F#4:.5 G#4:1 | A4:6 | A4:6",
        78,
        unit=0.5,
    )
    for beat in (30, 42, 54, 66):
        flute.shake(beat + 0.5, 1)
    flute.swell(75, 6, 96, 110)
    guitar = Part(song, "Nylon guitar", NYLON, volume=98, pan=44)
    guitar.comp(chords[:-1], "E4", "0/1/b! .5/1/0 1/1/1 1.5/1/2! 2/.8/1 2.5/.4/0", 62, hold=1.2)
    guitar.comp(chords[-1:], "E4", "0/4/b .12/4/0 .24/4/1 .4/4/2 .6/4/3", 66, hold=1.0)
    cello = Part(song, "Cello", CELLO, volume=100, pan=76)
    cello.line(
        30,
        "E3:3 G3:3 | G3:2 D3:1 B2:3 | A2:3 C3:2 D3:1 | E3:3 G#3:3 | G3:3 C4:3 | B3:2 A3:1 G3:3"
        " | E3:3 E3:2 D3:1 | C3:2 B2:1 A2:3"
        " | C3:2 E3:1 G3:2 C4:1 | B3:3 G3:2 D3:1 | E3:3 A3:2 C4:1 | B3:2 A3:1 G#3:3 | E3:2 G3:1 C4:3"
        " | D4:2 B3:1 G3:2 F3:1"
        " | E3:3 E3:2 D3:1 | C3:2 E3:1 A3:3 | A2:6",
        66,
        unit=0.5,
        hold=0.99,
    )
    bass = Part(song, "Bass", BASS, volume=96, pan=64)
    bass.bass([chord for chord in chords[2:-1] if chord[1] == 3], "E1", "0/1.5/1 1.5/1/5 2.5/.5/>", 68)
    bass.bass([chord for chord in chords[2:-1] if chord[1] < 3], "E1", "0/1.5/1 1.5/1.5/1", 70)
    bass.bass(chords[-1:], "E1", "0/5/1", 72)
    _greensleeves_band(song, chords)
    return song


def _greensleeves_band(song: Song, chords: list[Chord]) -> None:
    """Strings from the second half on, a harp with its pedal, drums played by hand."""
    strings = Part(song, "Strings", STRINGS, volume=88, pan=84)
    strings.comp(
        song.chords(42, "C | G | Am E | Am | C | G | Am | E | C | G | Am E | Am | Am"),
        "E4",
        "0/1.5/* 1.5/1.5/*",
        54,
        hold=0.98,
    )
    for bar in range(13):
        strings.swell(42 + 3 * bar, 3, 62 + 2 * bar, 88 + 2 * bar)
    harp = Part(song, "Harp", HARP, volume=94, pan=100)
    harp.comp(
        chords[-10:-1],
        "A4",
        "0/.5/b .25/.5/0 .5/.5/1 .75/.5/2 1/.5/3 1.25/.5/4 1.5/.5/5! 2/.5/4 2.5/.5/2",
        50,
        hold=1.0,
    )
    for bar in range(8):
        harp.pedal(54 + 3 * bar, 3)
    drums = Part(song, "Hand drums", 0, volume=84, drums=True)
    drums.beat(30, 8, 0.5, low="o..g..", tamb="..goxg")
    drums.beat(54, 7, 0.5, low="x.gog.", tamb="goggxg", stick="...o..")
    drums.beat(75, 1, 0.5, low="x.....", triangle="o.....")


def saints() -> Song:
    """When the Saints Go Marching In (United States, 19th century), 4/4 swung: a street band, twice."""
    song = Song("When the Saints Go Marching In", CREDIT, (4, 4), "F", swing=0.63)
    song.tempos = [(0, 188), (80, 204)]
    song.slope(144, 4, 196, 132)
    song.marks = [(0, "Street beat"), (16, "First chorus"), (80, "Second chorus"), (144, "Tag")]
    chorus = "F | F | F | F | F | Dm | C7 | C7 | F | F7 | Bb | Bbm | F | C7 | F Bb | F C7"
    chords = song.chords(16, f"{chorus} | {chorus} | F Bb | F")
    first, second = chords[:18], chords[18:36]

    trumpet = Part(song, "Trumpet", TRUMPET, volume=108, pan=64)
    trumpet.line(
        13,
        "F4:1 A4:1 Bb4:1 | C5:4 | r:1 F4:1 A4:1 Bb4:1 | C5:4 | r:1 F4:1 A4:1 Bb4:1 | C5:2 A4:2 | F4:2 A4:2"
        " | G4:4 | r:1 A4:1 A4:1 G4:1"
        " | F4:3 F4:1 | A4:2 C5:2 | C5:1 Bb4:3 | r:2 A4:1 Bb4:1 | C5:2 A4:2 | F4:2 G4:2 | F4:4 | r:4",
        92,
        hold=0.88,
    )
    trumpet.program(79, MUTED_TRUMPET)
    trumpet.line(
        80,
        "r:.5 F4:.5 A4:.5 Bb4:.5 C5:2 | r:.5 F4:.5 A4:.5 Bb4:.5 C5:.5 D5:.5 C5:1 | r:1 F4:.5 A4:.5 Bb4:.5 B4:.5 C5:1"
        " | r:.5 D5:.5 C5:.5 A4:.5 F4:1 Bb4:1 | C5:1.5 C5:.5 A4:1 G4:.5 A4:.5 | F4:1.5 A4:.5 C5:1 A4:1"
        " | G4:1 Bb4:.5 G4:.5 E4:1 G4:1"
        " | C5:1 r:.5 A4:.5 A4:.5 Ab4:.5 G4:1 | F4:1.5 F4:.5 A4:.5 C5:.5 D5:1 | Eb5:1.5 D5:.5 C5:1 A4:1"
        " | C5:.5 Bb4:1.5 D5:.5 F5:1.5"
        " | Db5:1 Bb4:1 A4:1 Bb4:1 | C5:.5 D5:.5 C5:1 A4:.5 G4:.5 F4:1 | E4:.5 G4:.5 Bb4:1 A4:.5 G4:.5 E4:1"
        " | F4:1.5 A4:.5 Bb4:1 D5:1"
        " | C5:1 A4:.5 F4:.5 G4:1 E4:1 | F4:.5 A4:.5 C5:1 D5:1 C5:1 | F5:3 r:1",
        88,
        hold=0.86,
    )
    for beat in (16, 24, 40, 144):
        trumpet.scoop(beat, 0.3, -0.8)
    trumpet.shake(149, 2, 30)
    clarinet = Part(song, "Clarinet", CLARINET, volume=92, pan=40)
    clarinet.comp(first, "F5", "1/.5/0 1.5/.5/1 2/.5/2! 2.5/.5/1 3/.5/0 3.5/.5/2", 66)
    clarinet.comp(second, "F5", "0/.5/2! .5/.5/1 1/.5/0 1.5/.5/1! 2.5/.5/2 3/.5/3 3.5/.5/1", 70)
    clarinet.line(144, "F5:.5 A5:.5 C6:1 D6:.5 Bb5:.5 G5:1 | A5:3 r:1", 78)
    trombone = Part(song, "Trombone", TROMBONE, volume=100, pan=88)
    trombone.line(
        16,
        "A3:3 r:1 | F3:1 G3:1 A3:2 | A3:3 r:1 | C4:1 Bb3:1 A3:2 | A3:2 C4:2 | A3:2 F3:2 | E3:3 r:1"
        " | G3:1 F3:1 E3:2 | F3:3 r:1 | Eb4:3 r:1"
        " | D4:4 | Db4:4 | C4:2 A3:2 | Bb3:2 G3:2 | A3:1 F3:1 D4:2 | C4:2 Bb3:2 | A3:3 F3:1 | A3:1 C4:1 A3:2"
        " | A3:3 G3:1 | F3:1 G3:1 A3:2"
        " | C4:2 A3:2 | D4:2 A3:2 | Bb3:3 r:1 | E3:1 G3:1 Bb3:2 | A3:3 r:1 | Eb4:2 C4:2 | D4:3 r:1"
        " | Db4:3 r:1 | C4:2 F3:2"
        " | G3:2 E3:2 | F3:2 D4:2 | C4:2 E3:2 | F3:2 G3:2 | A3:3 r:1",
        84,
        hold=0.92,
    )
    for bar in (0, 2, 6, 9, 10, 16, 18, 22, 25, 26):
        trombone.scoop(16 + 4 * bar, 0.8, -2)
    _saints_band(song, chords)
    return song


def _saints_band(song: Song, chords: list[Chord]) -> None:
    """Banjo, bass (walking in the second chorus) and drums."""
    first, second, tag = chords[:18], chords[18:36], chords[36:]
    banjo = Part(song, "Banjo", BANJO, volume=90, pan=98)
    banjo.comp(chords[:-1], "A4", "0/.4/12 1/.4/*! 1.5/.3/2 2/.4/12 3/.4/*! 3.5/.3/*", 66)
    banjo.comp(tag[-1:], "A4", "0/3/*! .06/3/2'", 80)
    bass = Part(song, "Acoustic bass", BASS, volume=104, pan=64)
    bass.bass([chord for chord in first if chord[1] == 4], "E1", "0/1.5/1 2/1.5/5", 84)
    bass.bass([chord for chord in second if chord[1] == 4], "E1", "0/1/1 1/1/3 2/1/5 3/1/>", 86)
    bass.bass([chord for chord in chords[:-1] if chord[1] < 4], "E1", "0/1/1 1/1/5 2/1/1 3/1/>", 86)
    bass.bass(tag[-1:], "E1", "0/3/1", 94)
    drums = Part(song, "Drums", 0, volume=100, drums=True)
    drums.beat(0, 3, 0.5, kick="x...x.x.", snare="ggxgogxg", block="..o...o.")
    drums.beat(12, 1, 0.5, kick="x...x...", snare="xgxxgxXX")
    drums.beat(16, 15, 0.5, kick="x...x...", hat="..o...o.", snare="..x.g.xg", block="o..o....")
    drums.beat(76, 1, 0.5, kick="x.x.x.x.", snare="gxxgxxXX", mid="....x.x.")
    drums.beat(16, 1, 4, crash="x")
    drums.beat(80, 15, 0.5, kick="x.g.x.g.", ride="x.xox.xo", snare="..X.g.Xg", hat="..o...o.")
    drums.beat(140, 1, 0.5, kick="x...x...", snare="XgxXgxXX", high="...x....", floor="......x.")
    drums.beat(80, 1, 4, crash="X")
    drums.beat(144, 1, 0.5, kick="x..x..x.", snare="X..X..XX", bell="..o..o..")
    drums.beat(148, 1, 4, crash="X", kick="X")


def blue_danube() -> Song:
    """The first waltz of The Blue Danube (Johann Strauss II, 1866), 3/4: a slow beginning, then a small orchestra."""
    song = Song("The Blue Danube", "Johann Strauss II, 1866; arranged for Stemfarm, MIT licence", (3, 4), "D")
    song.slope(0, 9, 84, 120)
    song.slope(9, 3, 112, 92)
    song.tempos += [(12, 156)]
    song.slope(15, 9, 160, 178)
    song.slope(93, 3, 170, 140)
    song.tempos += [(96, 172)]
    song.slope(105, 6, 168, 104)
    song.marks = [(0, "Introduction"), (12, "Waltz"), (84, "Climax"), (108, "Close")]
    theme = "D | D | D | D | D | D | A7 | A7 | A7 | A7 | A7 | A7 | A7 | A7 | D | D | D | D | D | D | D | D | G | G"
    chords = song.chords(12, theme + " | Em | Em | E7 E7 A | D | D | A7 | A7 | D | D | D")

    violins = Part(song, "Violins", STRINGS, volume=106, pan=50)
    violins.line(
        11,
        "D4:1 | D4:1 F#4:1 A4:1 | A4:3 | r:3 | r:2 D4:1 | D4:1 F#4:1 A4:1 | A4:3 | r:3 | r:2 C#4:1"
        " | C#4:1 E4:1 B4:1 | B4:3 | r:3 | r:2 C#4:1"
        " | C#4:1 E4:1 B4:1 | B4:3 | r:3 | r:2 D4:1 | D4:1 F#4:1 A4:1 | D5:3 | r:3 | r:2 D4:1"
        " | D4:1 F#4:1 A4:1 | D5:3 | r:3 | r:2 E4:1"
        " | E4:1 G4:1 B4:1 | B4:3 | B4:1 G#4:1 A4:1 | F#5:3 | F#5:1 D5:1 F#4:1 | F#4:2 E4:1 | B4:2 A4:1"
        " | D5:2 A4:1 | D5:1 F#5:1 A5:1 | D6:3",
        80,
        hold=0.97,
    )
    for bar in (1, 5, 9, 13, 17, 21, 25, 27):
        violins.swell(12 + 3 * bar, 3, 84, 112)
    flutes = Part(song, "Flutes", FLUTE, volume=96, pan=72)
    echo = " | r:2 {0}:1 | {0}:1 r:1 {1}:1 | {1}:1 r:2 | r:3"
    pairs = [
        ("F#5+A5", "D5+F#5"),
        ("F#5+A5", "E5+G5"),
        ("G5+B5", "E5+G5"),
        ("G5+B5", "D5+F#5"),
        ("A5+D6", "F#5+A5"),
        ("A5+D6", "G5+B5"),
    ]
    flutes.line(
        15, "".join(echo.format(*pair) for pair in pairs).removeprefix(" | ").removesuffix(" | r:3"), 70, hold=0.55
    )
    flutes.line(
        84,
        "G5:2 E5:1 | G5:1 E5:1 G5:1 | E5:2 F#5:1 | A5:2 D6:1 | A5:2 r:1 | r:3 | C#6:2 C#6:1 | D6:2 r:1"
        " | F#5:1 A5:1 D6:1 | F#6:3",
        72,
    )
    horns = Part(song, "Horns", HORN, volume=92, pan=80)
    horns.line(0, "A3:3 | A3:1 D4:1 F#4:1 | F#4:2 E4:1 | A3+C#4:3", 64, hold=0.98)
    horns.comp(chords[:-1], "D4", "1/.6/02 2/.5/02", 52)
    horns.comp(chords[-1:], "D4", "0/3/*", 72)
    _blue_danube_band(song, chords)
    return song


def _blue_danube_band(song: Song, chords: list[Chord]) -> None:
    """Tremolo and plucked strings, contrabass, harp and percussion."""
    tremolo = Part(song, "Tremolo strings", TREMOLO, volume=84, pan=36)
    tremolo.line(0, "A5+E5:3 | A5+D5:3 | B5+E5:3 | A5+C#5:3", 44, hold=1.0)
    tremolo.line(93, "F#5+A5:3 | F#5+A5:3 | E5+G5:3 | G5+C#6:3 | F#5+D6:3 | F#5+D6:3 | A5+D6:3", 56, hold=1.0)
    for bar in range(4):
        tremolo.swell(3 * bar, 3, 58, 100)
    pizzicato = Part(song, "Pizzicato", PIZZICATO, volume=96, pan=92)
    pizzicato.comp(chords[:-2], "A3", "1/.5/* 2/.5/*", 60)
    contrabass = Part(song, "Contrabass", CONTRABASS, volume=104, pan=64)
    contrabass.bass(chords[0:-2:2], "E1", "0/1.2/1", 80)
    contrabass.bass(chords[1:-2:2], "E1", "0/1.2/5", 74)
    contrabass.bass(chords[-2:], "E1", "0/2.6/1", 86)
    harp = Part(song, "Harp", HARP, volume=94, pan=26)
    harp.comp(
        song.chords(0, "A | D | E | A7"),
        "A3",
        "0/1/b .5/1/0 .75/1/1 1/1/2 1.25/1/3 1.5/1/4 1.75/1/5 2/1/6 2.5/1/7",
        56,
        hold=1.2,
    )
    harp.comp(
        chords[-2:], "D4", "0/1/b .25/1/0 .5/1/1 .75/1/2 1/1/3 1.25/1/4 1.5/1/5 1.75/1/6 2/1/7 2.25/1/8", 68, hold=1.2
    )
    for bar in (0, 1, 2, 3, 36):
        harp.pedal(3 * bar, 3)
    harp.pedal(111, 6)
    percussion = Part(song, "Percussion", 0, volume=86, drums=True)
    percussion.beat(12, 16, 1, kick="o..", triangle="..g...")
    percussion.beat(60, 8, 1, kick="x..", snare=".gg", triangle="..o")
    percussion.beat(84, 2, 1, kick="x..", snare=".oo")
    percussion.beat(90, 1, 0.25, snare="ggggggooooxx")
    percussion.beat(93, 5, 1, kick="x..", snare=".og", triangle="o..")
    percussion.beat(93, 1, 3, crash="x")
    percussion.beat(108, 1, 0.25, snare="ggggggggoooo")
    percussion.beat(111, 1, 3, crash="X", kick="X")


def korobeiniki() -> Song:
    """Korobeiniki (Russia, 1861), 4/4, faster each time: accordion first, then a rock band with a bent synth lead."""
    song = Song("Korobeiniki", "Traditional, arranged for Stemfarm, MIT licence", (4, 4), "Am")
    song.tempos = [(0, 132), (8, 136), (40, 142)]
    song.slope(64, 8, 144, 158)
    song.tempos += [(72, 160)]
    song.slope(100, 4, 160, 168)
    song.slope(104, 4, 160, 110)
    song.marks = [(0, "Intro"), (8, "Tune"), (40, "Bridge"), (72, "Tune, full"), (104, "End")]
    tune = "E7 | Am | E7 | Am | Dm | C | E7 | Am"
    bridge = "Am | E | Am | E | Am | E | Am | E7"
    chords = song.chords(0, f"Am | E7 | {tune} | {bridge} | {tune} | Am E7 | Am")
    melody = (
        "E5:1 B4:.5 C5:.5 D5:1 C5:.5 B4:.5 | A4:1 A4:.5 C5:.5 E5:1 D5:.5 C5:.5 | B4:1.5 C5:.5 D5:1 E5:1"
        " | C5:1 A4:1 A4:2"
        " | r:.5 D5:1 F5:.5 A5:1 G5:.5 F5:.5 | E5:1.5 C5:.5 E5:1 D5:.5 C5:.5 | B4:1 B4:.5 C5:.5 D5:1 E5:1"
        " | C5:1 A4:1 A4:2"
    )

    accordion = Part(song, "Accordion", ACCORDION, volume=96, pan=46)
    accordion.line(8, melody, 84, hold=0.86)
    accordion.comp(chords[2:10], "E4", "1/.4/* 3/.4/*", 48)
    accordion.comp(song.chords(72, tune), "A4", ".5/.3/* 1.5/.3/* 2.5/.3/* 3.5/.3/*", 58)
    lead = Part(song, "Synth lead", SAW_LEAD, volume=100, pan=70)
    lead.line(
        40,
        "E5:2 C5:2 | D5:2 B4:2 | C5:2 A4:2 | G#4:2 B4:2 | E5:2 C5:2 | D5:2 B4:2 | C5:1 E5:1 A5:2 | G#5:4",
        82,
        hold=0.97,
    )
    for bar in range(7):
        lead.scoop(40 + 4 * bar, 0.35, -1)
    lead.shake(69, 3, 35)
    lead.line(72, melody, 92, up=12, hold=0.88)
    lead.line(104, "A5:.5 C6:.5 E6:1 D6:.5 B5:.5 G#5:1 | A5:2.5 r:1.5", 96)
    for beat, distance in ((72, -2), (82, -1), (88.5, -2), (92, -1), (100, -1), (108, -2)):
        lead.scoop(beat, 0.25, distance)
    lead.shake(108.5, 2, 40)
    piano = Part(song, "Piano", PIANO, volume=94, pan=84)
    piano.comp(chords[10:18], "C5", "0/.5/b! .5/.5/0 1/.5/1 1.5/.5/2 2/.5/3! 2.5/.5/2 3/.5/1 3.5/.5/0", 62, hold=1.0)
    for bar in range(8):
        piano.pedal(40 + 4 * bar, 4)
    piano.comp(chords[18:28], "C5", "0/.4/*! 1.5/.4/* 2.5/.4/* 3/.4/0'", 66)
    piano.comp(chords[-1:], "C5", "0/3/*! 0/3/b", 84)
    _korobeiniki_band(song, chords)
    return song


def _korobeiniki_band(song: Song, chords: list[Chord]) -> None:
    """Guitar, bass, strings and drums."""
    guitar = Part(song, "Distortion guitar", DISTORTION, volume=86, pan=28)
    power = song.chords(72, "E5 | A5 | E5 | A5 | D5 | C5 | E5 | A5 | A5 E5")
    guitar.comp(power, "E3", "0/1/*! 1/.4/0 1.5/.4/0 2/.9/* 3/.4/0 3.5/.4/0", 78)
    guitar.comp(song.chords(108, "A5"), "E3", "0/3/*!", 84)
    bass = Part(song, "Synth bass", SYNTH_BASS, volume=104, pan=64)
    eighths = "0/.5/1 .5/.5/8 1/.5/1 1.5/.5/8 2/.5/1 2.5/.5/8 3/.5/5 3.5/.5/8"
    bass.bass(chords[:10], "E1", "0/1/1 1/.5/8 2/1/5 3/.5/8", 84, hold=0.8)
    bass.bass(chords[10:18], "E1", "0/1.5/1 1.5/.5/1 2/1/5 3/1/8", 82)
    bass.bass(chords[18:-1], "E1", eighths, 90, hold=0.75)
    bass.bass(chords[-1:], "E1", "0/3/1", 98)
    strings = Part(song, "Strings", STRINGS, volume=88, pan=100)
    strings.comp(chords[10:18], "E4", "0/4/*", 58, hold=0.99)
    strings.comp(chords[18:-1], "A4", "0/2/* 2/2/*", 64, hold=0.97)
    strings.comp(chords[-1:], "A4", "0/3/*", 80)
    for bar in range(17):
        strings.swell(40 + 4 * bar, 4, 60 + 2 * bar, 92 + 2 * bar)
    drums = Part(song, "Drums", 0, volume=102, drums=True)
    drums.beat(0, 2, 0.25, hat="o...o...o...o.o.", stick="....o.......o..o")
    drums.beat(8, 7, 0.5, kick="x...x...", stick="..x...x.", hat="o.o.o.o.", tamb=".g.g.g.g")
    drums.beat(36, 1, 0.25, kick="x...x...x...x...", snare="....g.g.o.o.xxXX")
    drums.beat(40, 7, 0.25, kick="x.....x.x.......", snare="....x.......x..g", hat="o.g.o.g.o.g.o.g.")
    drums.beat(
        68,
        1,
        0.25,
        kick="x...x...x...x...",
        snare="g.o.x.X.........",
        high="........xx......",
        mid="..........xx....",
        floor="............XXXX",
    )
    drums.beat(
        72, 7, 0.25, kick="x..xx...x.x.x...", snare="....X..g....X.g.", ride="x.o.x.o.x.o.x.oo", hat="....o.......o..."
    )
    drums.beat(100, 1, 0.25, kick="x...x...x...x...", snare="X.g.X.g.X.X.XXXX", floor="......x.......xx")
    for beat in (40, 72, 88):
        drums.beat(beat, 1, 4, crash="X")
    drums.beat(104, 1, 0.5, kick="x.x.x.x.", snare="..X...XX", open="x.x.x.x.")
    drums.beat(108, 1, 4, crash="X", kick="X")


SONGS = {"greensleeves": greensleeves, "saints": saints, "blue_danube": blue_danube, "korobeiniki": korobeiniki}


def main() -> None:
    """Write every song into the folder of the command line, else beside this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    for name, compose in SONGS.items():
        compose().write(folder / f"{name}.mid")


if __name__ == "__main__":
    main()
