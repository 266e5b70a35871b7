// A plug-in for tests: one sine at a time, on at its note-on and off at its note-off to the frame, late by a known latency.

#include "DistrhoPlugin.hpp"

#include <cmath>
#include <cstring>

START_NAMESPACE_DISTRHO

class TinySine : public Plugin
{
public:
    TinySine() : Plugin(kParameters, 0, 0)
    {
        std::memset(fWaiting, 0, sizeof(fWaiting));
        setLatency(kLatency);
    }

protected:
    const char* getLabel() const override { return "tinysine"; }
    const char* getMaker() const override { return "Stemfarm"; }
    const char* getLicense() const override { return "MIT"; }
    uint32_t getVersion() const override { return d_version(1, 0, 0); }
    int64_t getUniqueId() const override { return d_cconst('S', 'f', 'T', 's'); }

    void initParameter(uint32_t index, Parameter& parameter) override
    {
        parameter.hints = kParameterIsAutomatable;
        parameter.ranges.min = 0.0f;
        parameter.ranges.max = 1.0f;
        parameter.ranges.def = index == kLevel ? 0.5f : 0.0f;
        parameter.name = index == kLevel ? "Level" : "Octave";
        parameter.symbol = index == kLevel ? "level" : "octave";
    }

    float getParameterValue(uint32_t index) const override { return fValue[index]; }
    void setParameterValue(uint32_t index, float value) override { fValue[index] = value; }

    void run(const float**, float** outputs, uint32_t frames, const MidiEvent* events, uint32_t count) override
    {
        uint32_t next = 0;
        for (uint32_t frame = 0; frame < frames; ++frame)
        {
            for (; next < count && events[next].frame <= frame; ++next)
                take(events[next].data);
            const float sample = step();
            outputs[0][frame] = fWaiting[fPlace];
            outputs[1][frame] = fWaiting[fPlace];
            fWaiting[fPlace] = sample;
            fPlace = (fPlace + 1) % kLatency;
        }
    }

private:
    enum { kLevel, kOctave, kParameters };
    static const uint32_t kLatency = 480;

    float fValue[kParameters] = { 0.5f, 0.0f };
    float fWaiting[kLatency];
    uint32_t fPlace = 0;
    int fKey = -1;
    float fGain = 0.0f;
    double fPhase = 0.0;

    void take(const uint8_t* data)
    {
        const uint8_t kind = data[0] & 0xF0;
        if (kind == 0x90 && data[2] > 0)
        {
            fKey = data[1];
            fGain = data[2] / 127.0f;
            fPhase = 0.25;  // at once as loud as it gets, so that its onset is its first frame
        }
        else if ((kind == 0x80 || kind == 0x90) && data[1] == fKey)
            fKey = -1;
        else if (kind == 0xB0 && (data[1] == 120 || data[1] == 123))
            fKey = -1;
    }

    float step()
    {
        if (fKey < 0)
            return 0.0f;
        const double key = fKey + 12.0 * fValue[kOctave];
        const float sample = fValue[kLevel] * fGain * (float)std::sin(6.283185307179586 * fPhase);
        fPhase += 440.0 * std::pow(2.0, (key - 69.0) / 12.0) / getSampleRate();
        fPhase -= std::floor(fPhase);
        return sample;
    }

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(TinySine)
};

Plugin* createPlugin()
{
    return new TinySine();
}

END_NAMESPACE_DISTRHO
