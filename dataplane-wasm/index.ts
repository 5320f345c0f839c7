export function initialise(): void {}
